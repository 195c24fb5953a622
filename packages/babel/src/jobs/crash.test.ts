import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { builtAgent, statusOf, TestAgent } from "../testbed/agent.ts";
import { randomFrom } from "../testbed/random.ts";

/** How often babel is killed; BABEL_KILLS=1000 for the long version. */
const KILLS = Number(process.env["BABEL_KILLS"] ?? 20);
const SEED = Number(process.env["BABEL_SEED"] ?? Date.now() % 2 ** 31);
const JOBS = 20;
/** More than a job says while the test lasts. */
const LINES = 2_000_000 + KILLS * 20_000;

const bundle = await builtAgent();
after(() => rm(dirname(bundle.folder), { recursive: true, force: true }));

/** Reads a job's log on and on, through every end of babel, from the cursor it got to. */
class Follower {
  readonly lines: string[] = [];
  readonly #name: string;
  #after: { run: bigint; offset: bigint } = { run: 0n, offset: 0n };

  constructor(name: string) {
    this.#name = name;
  }

  async follow(agent: TestAgent, signal: AbortSignal, follow = true): Promise<void> {
    const request = { names: [this.#name], after: this.#after, follow };
    try {
      for await (const batch of agent.jobs.readJobLogs(request, { signal })) {
        assert.equal(batch.skippedBytes, 0n);
        for (const line of batch.lines) {
          const text = Buffer.from(line.text).toString();
          // What was given out as a piece of a line goes on with the next one.
          if (this.#continued) this.lines[this.lines.length - 1] += text;
          else this.lines.push(text);
          this.#continued = line.continued;
        }
        this.#after = { run: batch.next!.run, offset: batch.next!.offset };
      }
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error; // else: babel was killed
    }
  }
  #continued = false;
}

test(`${JOBS} jobs survive ${KILLS} kills of babel: pids, exit codes and logs`, async (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = randomFrom(SEED);
  const agent = await TestAgent.start(bundle);
  t.after(() => agent.dispose());

  const names = Array.from({ length: JOBS }, (_, index) => `job${index}`);
  for (const name of names) {
    const pause = name.endsWith("0") ? "" : "sleep 0.02;";
    await agent.run(
      name,
      `i=0; while [ $i -lt ${LINES} ]; do echo $i; i=$((i+1)); ${pause || "[ $((i % 50)) = 0 ] && sleep 0.01;"} done`,
    );
  }
  const pids = new Map<string, number>();
  for (const name of names) pids.set(name, (await agent.running(name)).run!.pid);
  const followers = [names[0]!, names[1]!, names[19]!].map((name) => new Follower(name));

  const expected = new Map<string, number>();
  for (let kill = 0; kill < KILLS; kill += 1) {
    const end = new AbortController();
    const reading = followers.map((follower) => follower.follow(agent, end.signal));
    const starting = startShort(agent, `short${kill % 40}`, kill, join(agent.root, "ran"), expected);
    // Somewhere in the middle of the calls, or just after they were acknowledged.
    await (random() < 0.6 ? starting : delay(random() * 200));
    await delay(random() * 40);
    await agent.kill();
    end.abort();
    await Promise.all([...reading, starting]);
    await agent.spawn();
  }

  for (const name of names) {
    const job = await agent.info(name);
    assert.deepEqual([statusOf(job), job.run?.pid, job.run?.number], ["running", pids.get(name), 1n], name);
  }
  await agent.jobs.stopAllJobs({});
  for (const follower of followers) await follower.follow(agent, AbortSignal.timeout(30_000), false);
  for (const { lines } of followers) assertSequence(lines);
  for (const name of names) assertSequence(await agent.log(name));

  for (const [name, kill] of expected) {
    const job = await agent.info(name);
    // Every start that was acknowledged has run exactly once, and its exit code was kept; or the stop above came first.
    if (statusOf(job) !== "stopped") assert.equal(statusOf(job), `finished(${1 + (kill % 100)})`, name);
  }
  const ran = (await readFile(join(agent.root, "ran"), "utf8")).trim().split("\n");
  assert.equal(new Set(ran).size, ran.length, "no payload ran twice");
  t.diagnostic(`${ran.length} short jobs, ${followers.map((each) => each.lines.length).join("/")} lines followed`);
});

test("restarts are counted on after babel was killed; what has ended or was stopped stays so (T-09)", async (t) => {
  const agent = await TestAgent.start(bundle);
  t.after(() => agent.dispose());
  const restart = (backoffBaseMs: bigint) => ({
    policy: { case: "onFailure" as const, value: { backoffTimeoutMs: 600_000n, backoffBaseMs, maxRetries: 4 } },
  });
  const gate = join(agent.root, "open");
  const script = `[ "$(ls $BABEL_JOB_DIR/log | wc -l)" -lt 3 ] || until [ -e ${gate} ]; do sleep 0.02; done; exit 1`;
  await agent.run("flaky", script, { restart: restart(1n) });
  await agent.run("waits", "exit 1", { restart: restart(600_000n) });
  await agent.run("done", "exit 3");
  await agent.create("stopped", "true");
  const third = await agent.reaches("flaky", (job) => job.run?.number === 3n && (job.run?.pid ?? 0) > 0);
  await agent.reaches("waits", (job) => statusOf(job) === "backoff");
  const due = async () => {
    const { state } = JSON.parse(await readFile(join(agent.jobFolder("waits"), "status.json"), "utf8"));
    return [state.kind, state.dueMonotonicMs];
  };
  const waiting = await due();
  await agent.finished("done");
  await agent.restart();
  const names = ["done", "flaky", "stopped", "waits"];
  const states = (await Promise.all(names.map((name) => agent.info(name)))).map(statusOf);
  assert.deepEqual(states, ["finished(3)", "running", "stopped", "backoff"]);
  const found = await agent.info("flaky");
  assert.deepEqual([found.run?.pid, found.restarts, found.restartCount], [third.run?.pid, 2, 2]);
  assert.deepEqual(await due(), waiting, "it waits until the same moment");
  await writeFile(gate, "");
  const { restarts, run } = await agent.finished("flaky");
  assert.deepEqual([restarts, run?.number], [4, 5n], "as many as if nothing had happened");
});

/** A job that ends by itself about when babel is killed. */
async function startShort(agent: TestAgent, name: string, kill: number, file: string, expected: Map<string, number>) {
  try {
    await agent.create(name, `echo ${kill} >> ${file}; sleep 0.0${kill % 10}; exit ${1 + (kill % 100)}`);
    expected.delete(name);
    await agent.jobs.startJob({ name });
    expected.set(name, kill);
  } catch {
    // not acknowledged: may or may not have happened
  }
}

function assertSequence(lines: readonly string[]): void {
  assert.ok(lines.length > 20);
  const first = Number(lines[0]);
  const wrong = lines.findIndex((line, index) => line !== String(first + index));
  // A stop may cut the last line.
  assert.ok(
    wrong < 0 || wrong === lines.length - 1,
    `line ${wrong}: ${lines.slice(Math.max(0, wrong - 2), wrong + 2).join(" ")}`,
  );
}
