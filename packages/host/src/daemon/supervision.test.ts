import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Job, JobState, NodeStatus } from "@blockvisor/wire/blockvisor/host/v1/host";
import { nodePaths } from "../place/paths.ts";
import { type DaemonProcess, finish, makeRoot, startDaemonProcess, type TestRoot } from "../testbed/daemon-process.ts";
import { makeTestImage } from "../testbed/test-image.ts";
import { until } from "../testbed/until.ts";

/**
 * Jobs outlive babel and blockvisord: both are killed again and again, at random moments, under 20 running jobs. No job may restart, no exit
 * code may be lost, no log may have a gap or a repeat. BV_KILLS=1000 is the long form; BV_SEED repeats a run's choices.
 */
const kills = Number(process.env["BV_KILLS"] ?? 6);
const seed = Number(process.env["BV_SEED"] ?? Date.now() % 2 ** 31);

const counters = Array.from({ length: 20 }, (_, index) => `counter${index}`);
const shorts = Array.from({ length: 5 }, (_, index) => `short${index}`);

/** Counters print 0, 1, 2, …; a short job notes that it ran, and ends with a code that tells how often it has. */
const plugin = `
fn init() {
    for i in 0..${counters.length} {
        start_job("counter" + i, #{
            job_type: #{ run_sh: "n=0; while :; do for x in 1 2 3 4 5 6 7 8 9 10; do echo $n; n=$((n+1)); done; sleep 0.4; done" },
            restart: #{ always: #{ backoff_timeout_ms: 60000, backoff_base_ms: 10 } },
            shutdown_timeout_secs: 5,
        });
    }
    for i in 0..${shorts.length} {
        create_job("short" + i, #{
            job_type: #{ run_sh: "echo $BV_RUN_ID >> /blockjoy/short" + i + "; n=$(wc -l < /blockjoy/short" + i + "); sleep 0.$((n % 10)); exit $((n % 200 + 1))" },
            restart: "never",
        });
    }
}
`;

const run = promisify(execFile);
const buildAgent = fileURLToPath(new URL("../../../babel/build-agent.ts", import.meta.url));
const nodeId = randomUUID();
let root: TestRoot;
let daemon: DaemonProcess;

before(async () => {
  root = await makeRoot();
});
after(async () => {
  await finish(daemon.client.deleteNode({ node: nodeId })).catch(() => {});
  await daemon.stop();
  await root.remove();
});

const paths = () => nodePaths(root.paths, nodeId);
const jobOf = (job: string): Promise<Job> => daemon.client.getJob({ node: nodeId, job }, { timeoutMs: 20_000 });

/** Repeatable random numbers in [0, 1). */
function randomFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** SIGKILL for the babel that the daemon knows of; false if there is none right now. */
function killBabel(): boolean {
  try {
    const { process: babel } = JSON.parse(readFileSync(paths().agentRecord, "utf8"));
    process.kill(babel.pid, "SIGKILL");
    return true;
  } catch {
    return false;
  }
}

/** Reads a job's log through every daemon and every babel, each time from where it was. */
class Follower {
  readonly job: string;
  readonly lines: string[] = [];
  #next = 0n;
  #reading: Promise<void> = Promise.resolve();
  #end = new AbortController();

  constructor(job: string) {
    this.job = job;
  }

  begin(): void {
    this.#end = new AbortController();
    this.#reading = this.#read(true, this.#end.signal);
  }
  async pause(): Promise<void> {
    this.#end.abort();
    await this.#reading;
  }
  /** What there is up to now. */
  catchUp(): Promise<void> {
    return this.#read(false, new AbortController().signal);
  }

  async #read(follow: boolean, signal: AbortSignal): Promise<void> {
    const request = { node: nodeId, job: this.job, follow, after: { [this.job]: this.#next } };
    try {
      for await (const line of daemon.client.streamJobLogs(request, { signal })) {
        assert.equal(line.skippedBytes, 0n);
        assert.equal(line.continued, false, "counters print whole lines");
        this.lines.push(line.text);
        this.#next = line.next;
      }
    } catch (error) {
      // The daemon was killed, or the stream was given up.
      if (error instanceof assert.AssertionError || !follow) throw error;
    }
  }
}

function assertSequence(job: string, lines: readonly string[]): void {
  const wrong = lines.findIndex((line, index) => line !== String(index));
  const around = lines.slice(Math.max(0, wrong - 2), wrong + 3).join(" ");
  assert.ok(wrong < 0 || wrong === lines.length - 1, `${job}, line ${wrong}: ${around}`);
  assert.ok(lines.length > 20, `${job} has ${lines.length} lines`);
}

/** How often a short job ran, as it noted itself; each time under a run id of its own. */
function runsOf(job: string): number {
  const path = join(paths().data, job);
  const ids = existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
  assert.equal(new Set(ids).size, ids.length, `${job}: no run happens twice`);
  return ids.length;
}

/** Of each short job: starts that were acknowledged, and others that may have happened. */
const starts = new Map(shorts.map((name) => [name, { certain: 0, possible: 0 }]));
let exitCodes = 0;

async function checkAndStartShorts(): Promise<void> {
  for (const name of shorts) {
    const job = await jobOf(name).catch(() => undefined);
    if (job === undefined || (job.state !== JobState.FINISHED && job.state !== JobState.STOPPED)) continue;
    checkExit(job);
    const start = starts.get(name);
    assert.ok(start);
    start.possible += 1;
    try {
      await daemon.client.startJob({ node: nodeId, job: name }, { timeoutMs: 20_000 });
      start.certain += 1;
    } catch {
      // Not acknowledged: it may or may not have happened.
    }
  }
}

function checkExit(job: Job): void {
  if (job.state !== JobState.FINISHED) return;
  assert.equal(job.exitCode, (runsOf(job.name) % 200) + 1, `${job.name}: ${job.message}`);
  exitCodes += 1;
}

async function createNode(): Promise<void> {
  const imageUri = await makeTestImage(root.paths.root, "1.0.0", plugin);
  const image = { imageKey: { protocolKey: "test", variantKey: "test-main" }, imageVersion: "1.0.0", imageUri };
  await finish(daemon.client.createDevNode({ id: nodeId, name: "victim", ...image, vm: { memoryMb: 1000n } }));
  await finish(daemon.client.startNode({ node: nodeId }));
}

async function isRunning(): Promise<void> {
  await until(
    async () => (await daemon.client.getNode({ node: nodeId })).status === NodeStatus.RUNNING,
    async () => daemon.log().slice(-2000),
  );
}

/** Pids of the jobs' processes, by name. */
async function runningCounters(): Promise<ReadonlyMap<string, number>> {
  const pids = new Map<string, number>();
  for (const name of counters) {
    await until(async () => ((await jobOf(name)).run?.pid ?? 0) > 0);
    pids.set(name, (await jobOf(name)).run?.pid ?? 0);
  }
  return pids;
}

/** The same process, in its first run, and nothing ever restarted. */
async function assertUndisturbed(pids: ReadonlyMap<string, number>): Promise<void> {
  for (const [name, pid] of pids) {
    const job = await jobOf(name);
    assert.deepEqual(
      [job.state, job.run?.pid, job.run?.number, job.restartCount],
      [JobState.RUNNING, pid, 1n, 0],
      name,
    );
  }
}

/** Whole logs are in sequence; how many lines that are. */
async function assertLogs(names: readonly string[]): Promise<number> {
  let lines = 0;
  for (const name of names) {
    const whole = new Follower(name);
    await whole.catchUp();
    assertSequence(name, whole.lines);
    lines += whole.lines.length;
  }
  return lines;
}

test("a daemon with a newer babel replaces the one in a running node, and its Node, while jobs run", async (t) => {
  const bundle = join(root.paths.root, "agent");
  const builtAs = (version: string) => run(process.execPath, [buildAgent, bundle, version]);
  await builtAs("0.1.0");
  daemon = await startDaemonProcess(root, { BV_AGENT_DIR: bundle });
  await createNode();
  const versionOf = () => JSON.parse(readFileSync(paths().agentRecord, "utf8"));
  const before = versionOf();
  const jobs = await runningCounters();
  await daemon.stop();
  await builtAs("0.2.0");
  daemon = await startDaemonProcess(root, { BV_AGENT_DIR: bundle });
  await isRunning();
  const now = versionOf();
  assert.match(before.version, /^0\.1\.0\+/);
  assert.match(now.version, /^0\.2\.0\+/);
  const executable = readlinkSync(`/proc/${now.process.pid}/exe`);
  assert.match(executable, /\/0\.2\.0\+[0-9a-f]+\/ld\.so$/, "the new babel runs on its own Node");
  await assertUndisturbed(jobs);
  // Jobs of the old build stop as ever, and the next run is the new one's.
  await daemon.client.stopJob({ node: nodeId, job: "counter3" });
  await daemon.client.startJob({ node: nodeId, job: "counter3" });
  await until(async () => (await jobOf("counter3")).run?.number === 2n);
  await assertLogs(["counter0", "counter1"]);
  // All jobs at once, each in its own order.
  const heard = new Map<string, string[]>();
  for await (const { job, text } of daemon.client.streamJobLogs({ node: nodeId, follow: true, lines: 100_000 })) {
    heard.set(job, [...(heard.get(job) ?? []), text]);
    if (counters.every((name) => (heard.get(name)?.length ?? 0) > 20)) break;
  }
  for (const name of counters.filter((each) => each !== "counter3")) assertSequence(name, heard.get(name) ?? []);
  t.diagnostic(`${before.version} -> ${now.version}`);
  await finish(daemon.client.deleteNode({ node: nodeId }));
  await daemon.stop();
});

test(`20 jobs live through ${kills} kills of babel and blockvisord`, async (t) => {
  t.diagnostic(`seed ${seed}`);
  const random = randomFrom(seed);
  daemon = await startDaemonProcess(root);
  await createNode();
  const jobs = await runningCounters();

  const followers = ["counter0", "counter7", "counter19"].map((name) => new Follower(name));
  const killed = { babel: 0, daemon: 0 };
  while (killed.babel + killed.daemon < kills) {
    for (const follower of followers) follower.begin();
    const choice = random();
    // Somewhere in the middle of starting jobs, of coming back from the kill before, or of doing nothing.
    const calls = random() < 0.6 ? checkAndStartShorts() : Promise.resolve();
    await pause(random() * 700);
    if (choice < 0.7 && killBabel()) killed.babel += 1;
    if (choice > 0.4) {
      await daemon.kill();
      killed.daemon += 1;
    }
    await calls;
    for (const follower of followers) await follower.pause();
    // Every other time not even the start is waited for.
    if (choice > 0.4) daemon = await startDaemonProcess(root, {}, { wait: random() < 0.5 });
    else await pause(random() * 2500);
  }
  await isRunning();
  for (const name of shorts) {
    const settled = async () => [JobState.FINISHED, JobState.STOPPED].includes((await jobOf(name)).state);
    await until(settled, () => jobOf(name));
    checkExit(await jobOf(name));
    const { certain, possible } = starts.get(name) ?? { certain: 0, possible: 0 };
    const ran = runsOf(name);
    assert.ok(
      ran >= certain && ran <= possible,
      `${name} ran ${ran} times, was started ${certain} to ${possible} times`,
    );
  }
  await assertUndisturbed(jobs);
  for (const follower of followers) {
    await follower.catchUp();
    assertSequence(follower.job, follower.lines);
  }
  const lines = await assertLogs(counters);
  const ran = shorts.reduce((sum, name) => sum + runsOf(name), 0);
  t.diagnostic(
    `killed babel ${killed.babel} times and blockvisord ${killed.daemon} times; ${ran} short jobs, ${exitCodes} exit codes ` +
      `compared; ${lines} lines of ${counters.length} logs in sequence`,
  );
});
