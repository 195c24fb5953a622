import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { builtAgent, statusOf, TestAgent, until } from "../testbed/agent.ts";
import { segmentsIn } from "./segments.ts";
import { type Cursor, readLines, START, tailCursor } from "./stream.ts";
import { tailOfLog } from "./tail.ts";

/** What a service prints; BABEL_LOG_MB=1000 for the long version. */
const LOG_MB = Number(process.env["BABEL_LOG_MB"] ?? 10);

const bundle = await builtAgent();
after(() => rm(dirname(bundle.folder), { recursive: true, force: true }));

describe("job logs", () => {
  let agent: TestAgent;
  before(async () => {
    agent = await TestAgent.start(bundle);
  });
  after(() => agent.dispose());

  test("capacity bounds what is kept; the newest stays, in whole lines", async () => {
    await agent.run("chatty", numbered(25_000), { logBufferCapacityMb: 1n });
    await agent.finished("chatty");
    const size = () => bytesIn(join(agent.jobFolder("chatty"), "log"));
    await until(async () => (await lastLine(agent, "chatty")) === numberedLine(25_000), "all is written");
    assert.ok((await size()) <= 1_200_000, `${await size()}`);
    const lines = await agent.log("chatty");
    assert.ok(lines.length > 5_000);
    assert.deepEqual(
      lines,
      lines.map((_line, index) => numberedLine(25_000 - lines.length + 1 + index)),
    );

    const skipped = (await collect(agent.jobs.readJobLogs({ names: ["chatty"], tailLines: 100_000 }), 1))[0]!;
    assert.ok(skipped.skippedBytes > 0n, "what is asked for and gone is told");
    const segments = await segmentsIn(join(agent.jobFolder("chatty"), "log"));
    assert.ok(segments.length > 5);
    for (const { path, size } of segments) assert.equal(size % 101, 0, `${path} is cut at line ends`);
    assert.equal(skipped.skippedBytes, BigInt(segments[0]!.start), "no line of what is kept is held back");
    const now = Date.now() / 1000;
    for (const [age, { path }] of segments.toReversed().entries()) await utimes(path, now - age * 10, now - age * 10);
    const since = timestampFromMs((now - 15) * 1000);
    const late = (await collect(agent.jobs.readJobLogs({ names: ["chatty"], since }))).flatMap((batch) => batch.lines);
    const from = Number(Buffer.from(late[0]!.text).toString());
    assert.deepEqual(
      late.map((line) => Buffer.from(line.text).toString()),
      Array.from({ length: 25_000 - from + 1 }, (_, index) => numberedLine(from + index)),
    );
    assert.ok(late.length < lines.length / 2);

    const [first] = await collect(agent.jobs.readJobLogs({ names: ["chatty"], after: { run: 1n, offset: 0n } }), 1);
    assert.ok(first!.skippedBytes > 0n, "a reader that was too slow is told what it missed");
  });

  test("a service goes on through garbage and any amount of output; its last words are there, too (T-11)", async () => {
    const script = `trap 'echo last words; exit 0' TERM; head -c ${LOG_MB}000000 /dev/urandom; echo; echo ready; while :; do sleep 1000 & wait; done`;
    await agent.run("garbage", script, { logBufferCapacityMb: 2n });
    const { run } = await agent.running("garbage");
    await until(async () => (await lastLine(agent, "garbage")) === "ready", "all is written");
    assert.deepEqual((await agent.info("garbage")).run, run);
    await agent.jobs.stopJob({ name: "garbage" });
    assert.equal(await lastLine(agent, "garbage"), "last words");
    const segments = await segmentsIn(join(agent.jobFolder("garbage"), "log"));
    assert.ok(segments.reduce((sum, { size }) => sum + size, 0) <= 2_500_000);
    assert.ok(segments.length > 5);
    for (const [index, { path, start }] of segments.entries()) {
      assert.equal((await readFile(path)).at(-1), 10, `${path} ends with a line`);
      if (index > 0) assert.equal(start, segments[index - 1]!.start + segments[index - 1]!.size, "nothing is lost");
    }
  });

  test("a line of more than 64 KiB is cut where a segment ends, all others stay whole (D3-02, D3-03)", async () => {
    const long = "head -c 300000 /dev/zero | tr '\\0' x; echo";
    const print = `${numbered(1_100)}; ${long}; ${numbered(1_100)}; ${long}; printf end`;
    await agent.run("cut", print, { logBufferCapacityMb: 1n, logTimestamp: true });
    await agent.finished("cut");
    await until(async () => (await lastLine(agent, "cut")) === "end", "all is written");
    const folder = join(agent.jobFolder("cut"), "log");
    const segments = await segmentsIn(folder);
    const whole = Buffer.concat(await Promise.all(segments.map(({ path }) => readFile(path))));
    const numbers = Array.from({ length: 1_100 }, (_, index) => `${numberedLine(index + 1)}\n`).join("");
    const half = `${numbers}${"x".repeat(300_000)}\n`;
    assert.ok(whole.equals(Buffer.from(`${half}${half}end`)), "everything is there once, in order");
    const before = segments.slice(1).map(({ start }) => String.fromCharCode(whole[start - 1]!));
    assert.deepEqual(new Set(before), new Set(["x", "\n"]));
    const times = (await collect(agent.jobs.readJobLogs({ names: ["cut"] }))).flatMap(({ lines }) =>
      lines.map(({ time }) => timestampMs(time!)),
    );
    assert.ok(times.every((time, index) => time >= (times[index - 1] ?? 0)));
  });

  test("a disk that is full costs lines of the log, which says so, and never the service (§9.6)", async () => {
    const go = join(agent.root, "go");
    const print = `yes $(printf %01000d 7) | head -n 600; read x < ${go}; while :; do echo seen; sleep 0.02; done`;
    await agent.create("full", print, { logBufferCapacityMb: 1n });
    const log = join(agent.jobFolder("full"), "log");
    execFileSync("mkfifo", [go]);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=200k", "tmpfs", log]);
    try {
      await agent.jobs.startJob({ name: "full" });
      const { run } = await agent.running("full");
      // It has printed everything once it asks.
      const writer = await open(go, "w");
      assert.ok((await bytesIn(log)) <= 200 * 1024);
      execFileSync("mount", ["-o", "remount,size=2m", log]);
      await writer.write("go on\n");
      const told = /^\.\.\. at least [1-9]\d* lines were dropped, the log could not be written \.\.\.$/;
      await until(async () => (await agent.log("full")).some((line) => told.test(line)), "it is told");
      await until(async () => (await lastLine(agent, "full")) === "seen", "the log goes on");
      assert.deepEqual((await agent.info("full")).run, run);
      await writer.close();
      await agent.jobs.stopJob({ name: "full" });
    } finally {
      execFileSync("umount", ["-l", log]);
    }
  });

  test("log_timestamp: each line has the time when it came", async () => {
    const [two = "", three = ""] = ["two", "three"].map((name) => join(agent.root, name));
    execFileSync("mkfifo", [two, three]);
    const said = async (line: string): Promise<number> => {
      await until(async () => (await lastLine(agent, "stamped")) === line, `it says ${line}`);
      return Date.now();
    };
    const start = Date.now();
    await agent.run("stamped", `echo one; read x < ${two}; printf 'two\\0\\n'; read x < ${three}; echo three`, {
      logTimestamp: true,
    });
    const known: number[] = [start, await said("one")];
    await writeFile(two, "\n");
    known.push(await said("two\0"));
    await writeFile(three, "\n");
    await agent.finished("stamped");
    const lines = (await collect(agent.jobs.readJobLogs({ names: ["stamped"] }))).flatMap((batch) => batch.lines);
    assert.deepEqual(
      lines.map((line) => Buffer.from(line.text).toString()),
      ["one", "two\0", "three"],
    );
    const times = lines.map((line) => timestampMs(line.time!));
    for (const [index, time] of times.entries())
      assert.ok(time >= known[index]! && time <= Date.now(), `line ${index}`);

    const since = lines[1]!.time!;
    const later = (await collect(agent.jobs.readJobLogs({ names: ["stamped"], since }))).flatMap(
      (batch) => batch.lines,
    );
    assert.deepEqual(
      later.map((line) => Buffer.from(line.text).toString()),
      ["two\0", "three"],
    );
  });

  test("follow goes through rotation and further runs, and ends when the job is deleted", async () => {
    const restart = {
      policy: { case: "onFailure" as const, value: { backoffTimeoutMs: 60_000n, backoffBaseMs: 1n, maxRetries: 4 } },
    };
    // 172 kB, so that each run has several of the segments that capacity allows.
    await agent.create("rotating", `${numbered(1_700)}; printf unfinished; exit 1`, {
      restart,
      logBufferCapacityMb: 1n,
    });
    const reading = collect(agent.jobs.readJobLogs({ names: ["rotating"], tailLines: 0, follow: true }));
    await agent.jobs.startJob({ name: "rotating" });
    await agent.finished("rotating");
    await until(async () => (await lastLine(agent, "rotating")) === "unfinished", "the last run is written");
    const folder = join(agent.jobFolder("rotating"), "log");
    assert.ok((await readdir(folder)).length > 5, "several segments of each run");
    await new Promise((resolve) => setTimeout(resolve, 1_500)); // the follower's own patience with an unfinished line
    await agent.jobs.deleteJob({ name: "rotating" });
    const batches = await reading;
    const lines = batches.flatMap((batch) => batch.lines.map((line) => Buffer.from(line.text).toString()));
    const run = [...Array.from({ length: 1_700 }, (_, index) => numberedLine(index + 1)), "unfinished"];
    assert.deepEqual(lines, [...run, ...run, ...run, ...run, ...run]);
    assert.deepEqual(new Set(batches.map((batch) => batch.skippedBytes)), new Set([0n]));
  });

  test("a prompt without newline is shown; a long line comes in pieces", async () => {
    await agent.run("prompt", "printf 'password: '; sleep 1000");
    const end = new AbortController();
    for await (const { lines } of agent.jobs.readJobLogs({ names: ["prompt"], follow: true }, { signal: end.signal })) {
      assert.deepEqual(
        lines.map((line) => [Buffer.from(line.text).toString(), line.continued]),
        [["password: ", true]],
      );
      break;
    }
    await agent.jobs.stopJob({ name: "prompt" });
    await agent.run("long", "head -c 150000 /dev/zero | tr '\\0' x; echo");
    await agent.finished("long");
    const pieces = (await collect(agent.jobs.readJobLogs({ names: ["long"] }))).flatMap((batch) => batch.lines);
    assert.deepEqual(
      pieces.map((line) => [line.text.length, line.continued]),
      [
        [65_536, true],
        [65_536, true],
        [18_928, false],
      ],
    );
  });

  test("tail counts lines over segments and runs; without a log there is nothing, at once", async () => {
    await agent.create("twice", "seq 1 3");
    for (const run of [1n, 2n]) {
      await agent.jobs.startJob({ name: "twice" });
      await agent.reaches("twice", (job) => job.run?.number === run && job.status?.status.case === "finished");
    }
    const folder = join(agent.jobFolder("twice"), "log");
    const tail = async (count: number) => {
      const { lines } = await readLines(folder, await tailCursor(folder, count), true);
      return lines.map((line) => `${line.at.run}:${line.text}`);
    };
    assert.deepEqual(await tail(2), ["2:2", "2:3"]);
    assert.deepEqual(await tail(4), ["1:3"]);
    assert.deepEqual(await tail(0), []);
    assert.deepEqual(await tail(99), ["1:1", "1:2", "1:3"]);
    assert.deepEqual(await agent.log("twice"), ["1", "2", "3", "1", "2", "3"]);
    assert.deepEqual(await agent.log("twice", 2), ["1", "2", "3"]);
    const previous = await collect(agent.jobs.readJobLogs({ names: ["twice"], run: 1n, tailLines: 2 }));
    assert.deepEqual(
      previous.flatMap(({ lines }) => lines.map((line) => `${line.at?.run}:${Buffer.from(line.text)}`)),
      ["1:2", "1:3"],
    );
    await agent.create("silent", "true");
    assert.deepEqual(await agent.log("silent"), []);
    assert.deepEqual(await readLines(join(agent.root, "nowhere"), START, true), { lines: [], next: START, skipped: 0 });
  });
});

test("a node's logs are bounded together, as the host says, else the image; a new limit counts at once (D3-03)", async (t) => {
  const agent = await TestAgent.start(bundle, { BABEL_LOG_LIMIT_MB: "1" });
  t.after(() => agent.dispose());
  const names = ["loud", "noisy", "quiet"];
  const sizes = () => Promise.all(names.map((name) => bytesIn(join(agent.jobFolder(name), "log"))));
  // 1.4 MB each of the first two, which may have 128 by themselves.
  const counts = { loud: 220_000, noisy: 220_000, quiet: 10 };
  for (const [name, count] of Object.entries(counts)) await agent.run(name, `seq 1 ${count}`);
  for (const [name, count] of Object.entries(counts)) {
    await until(async () => (await lastLine(agent, name)) === String(count), "all is written");
  }
  const [loud, noisy, quiet] = await sizes();
  for (const size of [loud!, noisy!]) assert.ok(size > 700_000 && size <= 1_070_000, `${size}`);
  assert.equal(quiet, 21);

  await agent.setup({}, { logLimitMb: 1 });
  await until(async () => (await sizes()).reduce((sum, size) => sum + size, 0) <= 1_000_000, "the logs are cut");
  assert.deepEqual(
    [await lastLine(agent, "loud"), await lastLine(agent, "noisy"), (await sizes())[2]],
    ["220000", "220000", 21],
  );

  await agent.setup({}, { logLimitMb: 4 });
  await agent.jobs.startJob({ name: "loud" });
  await agent.reaches("loud", (job) => job.run?.number === 2n && statusOf(job) === "finished(0)");
  await until(async () => (await lastLine(agent, "loud")) === "220000", "all is written");
  assert.ok((await sizes())[0]! > 1_400_000, "the host's word counts, not the image's");
});

test("a log is cut into as many files as the host says, else the image (D3-03)", async (t) => {
  const agent = await TestAgent.start(bundle, { BABEL_LOG_SEGMENTS: "4" });
  t.after(() => agent.dispose());
  /** Bytes of those that are full. */
  const filesOf = async (name: string) => {
    await agent.run(name, "seq 1 220000", { logBufferCapacityMb: 1n });
    await until(async () => (await lastLine(agent, name)) === "220000", "all is written");
    return (await segmentsIn(join(agent.jobFolder(name), "log"))).slice(0, -1).map(({ size }) => size);
  };
  const isOf = (size: number, share: number): boolean => size > share - 65_536 && size <= share + 65_536;
  const image = await filesOf("image");
  assert.ok(image.length >= 2 && image.every((size) => isOf(size, 1_000_000 / 4)), `${image}`);
  await agent.setup({}, { logSegments: 10 });
  const host = await filesOf("host");
  assert.ok(host.length >= 6 && host.every((size) => isOf(size, 1_000_000 / 10)), `${host}`);
});

test("as many segments are kept as there may be, and one that is pruned while its last line moves stays away", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "babel-shim-"));
  t.after(() => rm(root, { recursive: true }));
  const [busybox, shim] = ["busybox", "shim.sh"].map((name) =>
    join(bundle.folder, bundle.description.version, name),
  ) as [string, string];
  /** Where each segment ends; `before` runs in the shim first. */
  const segmentsOf = async (job: string, before: string) => {
    const [run, log] = [join(root, job, "run"), join(root, job, "log")];
    for (const folder of [run, log]) await mkdir(folder, { recursive: true });
    const settings = [busybox, run, join(log, "0000000001"), "65536", "3", "0", "id", join(root, job)];
    const command = [busybox, "seq", "-w", "1", "60000"];
    execFileSync(busybox, ["sh", "-c", `${before}\n. "$0"`, shim, ...settings, ...command], { timeout: 30_000 });
    await until(() => existsSync(join(run, "logged")), "all is written");
    const segments = await segmentsIn(log);
    for (const { path } of segments) assert.match(await readFile(path, "latin1"), /^(\d{5}\n)+$/);
    return segments.map(({ start, size }) => start + size);
  };
  const all = await segmentsOf("kept", "");
  assert.equal(all.length, 3);
  assert.equal(all.at(-1), 60_000 * 6);
  const prune = `mv() { command mv "$@"; for each in "$log".*.log; do [ "$each" = "$2" ] || rm "$each"; done; }`;
  assert.equal((await segmentsOf("pruned", prune)).at(-1), 60_000 * 6);
});

test("a line that was moving to the next segment when the container ended is read once, with its own time", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "babel-moving-"));
  t.after(() => rm(folder, { recursive: true }));
  const segment = (offset: number) => join(folder, `0000000001.${String(offset).padStart(20, "0")}`);
  await writeFile(`${segment(0)}.log`, "one\ntwo");
  await writeFile(`${segment(0)}.times`, "0 1700000000000000\n5 1700000001000000\n");
  await writeFile(`${segment(4)}.log`, "two");
  await writeFile(`${segment(4)}.times`, "4 1700000000000000\n");
  const read = async (from: Cursor) => (await readLines(folder, from, true)).lines.map(({ text }) => text.toString());
  assert.deepEqual(await read(START), ["one", "two"]);
  assert.deepEqual(await read({ run: 1, offset: 6 }), ["o"]);
  assert.deepEqual(await read(await tailCursor(folder, 1)), ["two"]);
  assert.equal((await tailOfLog(folder, 100)).toString(), "one\ntwo");
  const { lines } = await readLines(folder, { run: 1, offset: 4 }, true);
  assert.deepEqual(lines[0]?.time, 1_700_000_000_000);
});

test("times of a long log: each line has its own, and the file of them is not read again for each batch", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "babel-times-"));
  t.after(() => rm(folder, { recursive: true }));
  const count = 300_000;
  const numbers = Array.from({ length: count }, (_, index) => index);
  const lineOf = (index: number) => `line ${String(index).padStart(18, "0")}`;
  const length = lineOf(0).length + 1;
  const first = 1_700_000_000_000_000;
  const segment = join(folder, "0000000001.00000000000000000000");
  await writeFile(`${segment}.log`, numbers.map((index) => `${lineOf(index)}\n`).join(""));
  // A piece of two lines, then one of one line, and so on.
  const pieces = numbers.filter((index) => index % 3 !== 1);
  await writeFile(`${segment}.times`, pieces.map((index) => `${index * length} ${first + index}\n`).join(""));
  const before = await bytesRead();
  let seen = 0;
  for (let cursor = START; ; ) {
    const batch = await readLines(folder, cursor, true);
    if (batch.lines.length === 0) break;
    for (const { text, time } of batch.lines) {
      const piece = seen % 3 === 1 ? seen - 1 : seen;
      if (text.toString() !== lineOf(seen) || time !== (first + piece) / 1000) assert.fail(`${seen}: ${text} ${time}`);
      seen += 1;
    }
    cursor = batch.next;
  }
  assert.equal(seen, count);
  const sizes = await Promise.all(["log", "times"].map(async (end) => (await stat(`${segment}.${end}`)).size));
  const read = (await bytesRead()) - before;
  assert.ok(read < 2 * (sizes[0]! + sizes[1]!), `read ${read} bytes of ${sizes}`);
});

/** Prints lines of 100 digits. */
const numbered = (count: number): string => `seq -f %0100.0f 1 ${count}`;
const numberedLine = (number: number): string => String(number).padStart(100, "0");

async function lastLine(agent: TestAgent, name: string): Promise<string | undefined> {
  const batches = await collect(agent.jobs.readJobLogs({ names: [name], tailLines: 1 }));
  return batches.flatMap(({ lines }) => lines.map((line) => Buffer.from(line.text).toString())).at(-1);
}

const bytesIn = async (folder: string): Promise<number> =>
  (await segmentsIn(folder)).reduce((sum, { size }) => sum + size, 0);

/** By this process, from anything. */
const bytesRead = async (): Promise<number> =>
  Number(/^rchar: (\d+)/.exec(await readFile("/proc/self/io", "latin1"))?.[1]);

async function collect<T>(source: AsyncIterable<T>, most = Number.POSITIVE_INFINITY): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const each of source) {
    found.push(each);
    if (found.length >= most) break;
  }
  return found;
}
