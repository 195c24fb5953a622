import assert from "node:assert/strict";
import { readdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { statOf } from "../process/identity.ts";
import { childrenOf } from "../process/run-processes.ts";
import { builtAgent, statusOf, TestAgent } from "../testbed/agent.ts";
import { collectGarbage, inspectable } from "../testbed/collected.ts";
import { activityOf, helpersOf, residentKb } from "../testbed/footprint.ts";

/** Short jobs that are run one after another, in four rows at once; BABEL_SHORT_JOBS=10000 for the long version. */
const SHORT_JOBS = Number(process.env["BABEL_SHORT_JOBS"] ?? 400);
/** Figures are taken so often while they run. */
const PARTS = 8;
/** Seconds of idling that are measured; BABEL_IDLE_SECONDS=60 for the long version. */
const IDLE_SECONDS = Number(process.env["BABEL_IDLE_SECONDS"] ?? 5);

const bundle = await builtAgent();
after(() => rm(dirname(bundle.folder), { recursive: true, force: true }));

test("16 idle jobs: babel and all its helpers stay within 90 MB and sleep", async (t) => {
  const agent = await TestAgent.start(bundle);
  t.after(() => agent.dispose());
  const payloads: number[] = [];
  for (let index = 0; index < 16; index += 1) {
    await agent.run(`idle${index}`, "exec sleep 100000");
    payloads.push((await agent.running(`idle${index}`)).run!.pid);
  }
  await delay(1_000);
  const helpers = helpersOf(payloads);
  const all = [agent.pid, ...helpers];
  assert.equal(helpers.size, 48);
  // The helpers are one busybox: what they share is there once. Babel shares nothing with them.
  const sizes = await Promise.all(all.map((pid) => residentKb(pid, pid === agent.pid ? "Rss" : "Pss")));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const watch = async () => {
    const before = await activityOf(all);
    await delay(IDLE_SECONDS * 1_000);
    const after = await activityOf(all);
    return {
      perSecond: (after.wakeUps - before.wakeUps) / IDLE_SECONDS,
      share: (after.nanoseconds - before.nanoseconds) / 1e9 / IDLE_SECONDS,
    };
  };
  // What it does all the time it does each time; what only follows the start, like a collection of garbage, it does once.
  let { perSecond, share } = await watch();
  for (let again = 0; again < 2 && share > 0.01; again += 1) ({ perSecond, share } = await watch());
  const helped = `babel ${sizes[0]} kB, 48 helpers ${total - sizes[0]!} kB`;
  t.diagnostic(`${helped}, ${perSecond} wake-ups a second, ${(share * 100).toFixed(3)} % of a core`);
  assert.ok(total <= 90_000, `${total} kB`);
  // Counted rather than timed: a busy machine makes the same work slower, not more. Polling once a second in each would be 49.
  assert.ok(perSecond < 20, `${perSecond} wake-ups a second`);
  assert.ok(share <= 0.01, `${share * 100} % of a core`);
});

test("whoever looks at a job for a moment, thousands of times on end, keeps the connection", async (t) => {
  const agent = await TestAgent.start(bundle);
  t.after(() => agent.dispose());
  await agent.create("job", "true");
  for (let round = 0; round < 60; round += 1) {
    await Promise.all(Array.from({ length: 50 }, () => agent.reaches("job", () => true)));
  }
});

test(`${SHORT_JOBS} short jobs leave no zombie, no file descriptor and no memory behind`, async (t) => {
  const agent = await TestAgent.start(inspectable(bundle));
  t.after(() => agent.dispose());
  const rows = ["a", "b", "c", "d"];
  for (const name of rows) await agent.create(name, "echo hi");
  const runOnce = async (name: string, run: bigint): Promise<void> => {
    await agent.jobs.startJob({ name });
    await agent.reaches(name, (job) => job.run?.number === run && statusOf(job) === "finished(0)");
  };
  let number = 0n;
  const runRounds = async (rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round += 1) {
      number += 1n;
      await Promise.all(rows.map((name) => runOnce(name, number)));
    }
  };
  const measure = async () => {
    await collectGarbage(agent.stderr);
    const descriptors = (await readdir(`/proc/${agent.pid}/fd`)).length;
    return { memory: await residentKb(agent.pid), descriptors };
  };
  const warmUp = Math.min(100, Math.ceil(SHORT_JOBS / 8));
  await runRounds(warmUp);
  const start = await measure();
  const samples: { readonly memory: number; readonly descriptors: number }[] = [];
  for (let part = 0; part < PARTS; part += 1) {
    await runRounds(Math.max(1, Math.floor((SHORT_JOBS / 4 - warmUp) / PARTS)));
    samples.push(await measure());
  }
  t.diagnostic(`memory in kB: ${[start, ...samples].map((each) => each.memory).join(" ")}`);
  t.diagnostic(`descriptors: ${[start, ...samples].map((each) => each.descriptors).join(" ")}`);
  // Freed memory is given back late, and it takes some thousand jobs until no more is asked for: a leak grows in the second half as well.
  const smallest = (of: typeof samples): number => Math.min(...of.map((each) => each.memory));
  const growth = smallest(samples.slice((PARTS * 3) / 4)) - smallest(samples.slice(PARTS / 2, (PARTS * 3) / 4));
  assert.ok(growth <= 2_500, `${growth} kB more in the last quarter than in the one before`);
  assert.ok(samples.at(-1)!.memory <= start.memory + 20_000, "memory");
  assert.ok(samples.at(-1)!.descriptors <= start.descriptors + 4, "descriptors");
  const zombies = childrenOf(agent.pid).filter(({ pid }) => statOf(pid)?.state === "Z");
  assert.deepEqual(zombies, []);
  for (const name of rows) assert.ok((await readdir(agent.jobFolder(name))).length <= 7);
});
