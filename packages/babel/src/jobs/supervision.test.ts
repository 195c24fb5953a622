import assert from "node:assert/strict";
import { readdir, readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { statOf } from "../process/identity.ts";
import { childrenOf } from "../process/run-processes.ts";
import { builtAgent, statusOf, TestAgent } from "../testbed/agent.ts";

/** Short jobs that are run one after another, in four rows at once; BABEL_SHORT_JOBS=10000 for the long version. */
const SHORT_JOBS = Number(process.env["BABEL_SHORT_JOBS"] ?? 400);
/** Seconds of idling that are measured; BABEL_IDLE_SECONDS=60 for the long version. */
const IDLE_SECONDS = Number(process.env["BABEL_IDLE_SECONDS"] ?? 5);

const bundle = await builtAgent();
after(() => rm(dirname(bundle.folder), { recursive: true, force: true }));

/** Resident memory in kB: all of a process (`Rss`), or its part of pages that it shares with its like (`Pss`). */
async function residentKb(pid: number, measure: "Rss" | "Pss" = "Rss"): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(new RegExp(`^${measure}:\\s+(\\d+)`, "m").exec(text)?.[1]);
}

/** How often the main threads of these processes gave up the processor to wait for something, so far. */
async function wakeUps(pids: readonly number[]): Promise<number> {
  const texts = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/status`, "latin1")));
  return texts.reduce((sum, text) => sum + Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(text)?.[1]), 0);
}

test("16 idle jobs: babel and all its helpers stay within 90 MB and sleep", async (t) => {
  const agent = await TestAgent.start(bundle);
  t.after(() => agent.dispose());
  const payloads: number[] = [];
  for (let index = 0; index < 16; index += 1) {
    await agent.run(`idle${index}`, "exec sleep 100000");
    payloads.push((await agent.running(`idle${index}`)).run!.pid);
  }
  await delay(1_000);
  const helpers = new Set<number>();
  for (const payload of payloads) {
    const shim = statOf(payload)!.parent;
    helpers.add(shim);
    for (const writer of childrenOf(shim)) {
      if (payloads.includes(writer.pid)) continue;
      helpers.add(writer.pid);
      for (const copier of childrenOf(writer.pid)) helpers.add(copier.pid);
    }
  }
  const all = [agent.pid, ...helpers];
  assert.equal(helpers.size, 48);
  // The helpers are one busybox: what they share is there once. Babel shares nothing with them.
  const sizes = await Promise.all(all.map((pid) => residentKb(pid, pid === agent.pid ? "Rss" : "Pss")));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const before = await wakeUps(all);
  await delay(IDLE_SECONDS * 1_000);
  const perSecond = ((await wakeUps(all)) - before) / IDLE_SECONDS;
  t.diagnostic(`babel ${sizes[0]} kB, 48 helpers ${total - sizes[0]!} kB, ${perSecond} wake-ups a second`);
  assert.ok(total <= 90_000, `${total} kB`);
  // Counted rather than timed: a busy machine makes the same work slower, not more. Polling once a second in each would be 49.
  assert.ok(perSecond < 20, `${perSecond} wake-ups a second`);
});

test(`${SHORT_JOBS} short jobs leave no zombie, no file descriptor and no memory behind`, async (t) => {
  const agent = await TestAgent.start(bundle);
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
  const measure = async () => ({
    memory: await residentKb(agent.pid),
    descriptors: (await readdir(`/proc/${agent.pid}/fd`)).length,
  });
  const warmUp = Math.min(100, Math.ceil(SHORT_JOBS / 8));
  await runRounds(warmUp);
  const start = await measure();
  await runRounds(Math.max(1, SHORT_JOBS / 4 - warmUp));
  const end = await measure();
  t.diagnostic(`memory ${start.memory} -> ${end.memory} kB, descriptors ${start.descriptors} -> ${end.descriptors}`);
  assert.ok(end.descriptors <= start.descriptors + 4);
  assert.ok(end.memory <= start.memory + 20_000, `${start.memory} -> ${end.memory} kB`);
  const zombies = childrenOf(agent.pid).filter(({ pid }) => statOf(pid)?.state === "Z");
  assert.deepEqual(zombies, []);
  for (const name of rows) assert.ok((await readdir(agent.jobFolder(name))).length <= 7);
});
