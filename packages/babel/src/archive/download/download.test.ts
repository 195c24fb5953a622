import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { messageOf } from "../../errno.ts";
import { DownloadFixture, treeOf } from "../testing/download-fixture.ts";
import type { Exchange, Fault } from "../testing/faulty-store.ts";
import { sampleBytes, sampleSource, storeSample } from "../testing/sample-archive.ts";
import { Streams } from "../transfer/streams.ts";

const KIB = 1024;

/** The shapes of spec §5.4 and T-14: spans, small, empty, nested. */
function sampleFiles(): ReadonlyMap<string, Buffer> {
  return new Map([
    ["a", sampleBytes(7, "a")],
    ["d1/b", sampleBytes(43_210, "b")],
    ["d1/d2/c", sampleBytes(432, "c")],
    ["d1/empty", Buffer.of()],
    ["empty_file", Buffer.of()],
    ["sparse", Buffer.concat([sampleBytes(3000, "s"), Buffer.alloc(300 * KIB), sampleBytes(77, "t")])],
    ["x", sampleBytes(654_321, "x")],
    ["y", sampleBytes(2 * 64 * KIB, "y")],
    ["n".repeat(255), sampleBytes(257, "n")],
  ]);
}

for (const codec of ["zstd", "none"] as const) {
  for (const algorithm of ["sha1", "sha256", "blake3"] as const) {
    test(`an archive arrives byte for byte (${codec}, ${algorithm})`, async (t) => {
      const fixture = await DownloadFixture.make(t);
      const compression = codec === "zstd" ? ({ codec, level: 3 } as const) : ({ codec } as const);
      const sample = await storeSample(fixture.store, sampleFiles(), { chunkSize: 64 * KIB, compression, algorithm });
      const source = sampleSource(fixture.store, sample);
      const { totalSize } = sample.header;
      assert.deepEqual(await fixture.download(source), { kind: "complete", dataVersion: 1, totalSize });
      assert.deepEqual(await treeOf(fixture.data), sample.files);
      const { blocks } = await stat(join(fixture.data, "sparse"));
      assert.ok(blocks * 512 < 200 * KIB, "zeros take no room");
      const times = await Promise.all(
        [...sample.files.keys()].map(async (path) => (await stat(join(fixture.data, path))).mtimeMs),
      );
      assert.equal(new Set(times).size, 1, "all files have one time");
      assert.deepEqual(await readdir(fixture.state.path), ["journal", "lease.json", "manifest", "plan.json"]);
      const chunks = sample.header.chunks;
      const { bytes_per_sec: _, eta_secs: __, ...progress } = (await fixture.progress()) as Record<string, unknown>;
      assert.deepEqual(progress, {
        total: chunks,
        current: chunks,
        message: "chunks",
        bytes_total: totalSize,
        bytes_done: totalSize,
        phase: "finalize",
      });

      const { requests } = fixture.store.counters;
      const { calls } = source;
      assert.equal((await fixture.download(source)).kind, "complete");
      assert.deepEqual([fixture.store.counters.requests, source.calls], [requests, calls], "nothing is fetched again");
    });
  }
}

const faults: readonly (readonly [string, (exchange: Exchange) => Fault | undefined])[] = [
  ["connections are reset", ({ attempt }) => (attempt <= 3 ? { kind: "reset", after: 10_000 } : undefined)],
  ["connections are reset at once", ({ attempt }) => (attempt <= 2 ? { kind: "reset", after: 0 } : undefined)],
  ["transfers stall", ({ attempt }) => (attempt === 1 ? { kind: "stall", after: 5000 } : undefined)],
  ["nothing comes at all", ({ attempt }) => (attempt === 1 ? { kind: "stall", after: 0 } : undefined)],
  ["bodies end early", ({ attempt }) => (attempt <= 2 ? { kind: "truncate", after: 20_000 } : undefined)],
  ["bits flip", ({ attempt, from }) => (attempt <= 2 ? { kind: "flip", at: 12_345 - from } : undefined)],
  ["too much is sent", ({ attempt }) => (attempt === 1 ? { kind: "oversize", by: 3 } : undefined)],
  [
    "ranges are wrong",
    ({ attempt, from }) =>
      attempt === 1
        ? { kind: "reset", after: 10_000 }
        : from > 0 && attempt < 4
          ? { kind: "wrong-range", by: 1 }
          : undefined,
  ],
  [
    "ranges are not supported",
    ({ attempt }) =>
      attempt === 1 ? { kind: "reset", after: 10_000 } : attempt === 2 ? { kind: "ignore-range" } : undefined,
  ],
  ["error pages come as objects", ({ attempt }) => (attempt === 1 ? { kind: "page" } : undefined)],
  [
    "the store is overloaded",
    ({ attempt }) => (attempt <= 2 ? { kind: "status", status: 503, retryAfter: "0" } : undefined),
  ],
  ["the store throttles", ({ attempt }) => (attempt <= 2 ? { kind: "status", status: 429 } : undefined)],
  ["the store fails", ({ attempt }) => (attempt <= 2 ? { kind: "status", status: 500 } : undefined)],
  ["urls are refused", ({ attempt }) => (attempt <= 2 ? { kind: "status", status: 403 } : undefined)],
  [
    "requests time out as S3 says it",
    ({ attempt }) => (attempt <= 2 ? { kind: "status", status: 400, reason: "RequestTimeout" } : undefined),
  ],
  [
    "the tokens of urls expire",
    ({ attempt }) => (attempt <= 2 ? { kind: "status", status: 400, reason: "ExpiredToken" } : undefined),
  ],
  ["requests time out", ({ attempt }) => (attempt <= 2 ? { kind: "status", status: 408 } : undefined)],
];

/** Fewer connections are used for a while. (§9.5) */
const OVERLOADS = /stall|nothing comes|throttles|time out|overloaded/;

for (const [what, fault] of faults) {
  test(`an archive arrives byte for byte although ${what}`, async (t) => {
    const fixture = await DownloadFixture.make(t);
    const sample = await storeSample(fixture.store, sampleFiles(), { chunkSize: 256 * KIB });
    let faulty = 0;
    fixture.store.fault = (exchange) => {
      const found = fault(exchange);
      if (found !== undefined) faulty += 1;
      return found;
    };
    const streams = new Streams(8);
    assert.equal((await fixture.download(sampleSource(fixture.store, sample), { streams })).kind, "complete");
    assert.ok(faulty > 0);
    if (OVERLOADS.test(what)) assert.equal(streams.count, 4);
    assert.deepEqual(await treeOf(fixture.data), sample.files);
  });
}

test("a broken connection is gone on with where it broke, with the same url", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const sample = await storeSample(fixture.store, new Map([["x", sampleBytes(400_000, "x")]]), {
    chunkSize: 500_000,
    compression: { codec: "none" },
  });
  const from: number[] = [];
  fixture.store.fault = (exchange) => {
    from.push(exchange.from);
    return exchange.attempt <= 2 ? { kind: "reset", after: 65_536 } : undefined;
  };
  const source = sampleSource(fixture.store, sample);
  assert.equal((await fixture.download(source)).kind, "complete");
  assert.deepEqual(from, [0, 65_536, 131_072]);
  assert.equal(fixture.store.counters.sent, 400_000, "no byte twice");
  assert.equal(source.calls, 1, "whoever tells of the first chunks gives their urls as well");
});

test("expired urls are renewed", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const sample = await storeSample(fixture.store, sampleFiles(), { chunkSize: 32 * KIB });
  fixture.store.fault = ({ key }) => {
    if (key.endsWith("_3")) fixture.store.expireUrls();
    return undefined;
  };
  assert.equal((await fixture.download(sampleSource(fixture.store, sample))).kind, "complete");
  assert.deepEqual(await treeOf(fixture.data), sample.files);
  assert.ok(!fixture.log.some((line) => line.includes("signature")), "urls are secrets");
});

test("a corrupted object is fetched four times, then named with its files; the others are fetched all the same", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const sample = await storeSample(fixture.store, sampleFiles(), { chunkSize: 64 * KIB });
  const attempts = new Map<string, number>();
  fixture.store.fault = ({ key, attempt }) => {
    attempts.set(key, attempt);
    return key.endsWith("_2") || key.endsWith("_5") ? { kind: "flip", at: 100 } : undefined;
  };
  const outcome = await fixture.download(sampleSource(fixture.store, sample));
  assert.equal(outcome.kind, "failed");
  const lines = outcome.kind === "failed" ? outcome.error.message.split("\n").sort() : [];
  assert.equal(lines.length, 2);
  assert.match(lines[0]!, /^corrupted chunk sample-key\/1\/data\.part_2 v1 \(x\): /);
  assert.match(lines[1]!, /^corrupted chunk sample-key\/1\/data\.part_5 v1 \(x\): /);
  assert.deepEqual([attempts.get("sample-key/1/data.part_2"), attempts.size], [4, sample.header.chunks]);
  assert.ok(existsSync(join(fixture.state.path, "INCOMPLETE")));

  fixture.store.fault = () => undefined;
  const { requests } = fixture.store.counters;
  assert.equal((await fixture.download(sampleSource(fixture.store, sample))).kind, "complete");
  assert.equal(fixture.store.counters.requests - requests, 2, "only the two are fetched");
  assert.deepEqual(await treeOf(fixture.data), sample.files);
  assert.ok(!existsSync(join(fixture.state.path, "INCOMPLETE")));
});

test("what a corrupted object left where zeros belong is overwritten", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const files = new Map([["z", Buffer.alloc(200 * KIB)]]);
  const sample = await storeSample(fixture.store, files, { chunkSize: 64 * KIB, compression: { codec: "none" } });
  fixture.store.fault = ({ attempt }) => (attempt === 1 ? { kind: "flip", at: 40_000 } : undefined);
  assert.equal((await fixture.download(sampleSource(fixture.store, sample))).kind, "complete");
  assert.deepEqual(await treeOf(fixture.data), sample.files);
});

test("an object that is gone fails at once; chunks that hold too much are stopped", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const bomb = await storeSample(fixture.store, new Map([["b", Buffer.alloc(64 * 1024 * KIB)]]), { chunkSize: 1e9 });
  const [chunk] = bomb.chunks;
  const small = { ...chunk!, destinations: [{ path: "b", pos: 0, size: 1000 }] };
  const source = sampleSource(fixture.store, { header: { ...bomb.header, totalSize: 1000 }, chunks: [small] });
  const outcome = await fixture.download(source);
  assert.match(outcome.kind === "failed" ? outcome.error.message : "", /holds more than the 1000 bytes/);
  assert.equal(existsSync(join(fixture.data, "b")), false);

  const gone = await DownloadFixture.make(t);
  const sample = await storeSample(gone.store, sampleFiles(), { chunkSize: 64 * KIB });
  gone.store.objects.delete("sample-key/1/data.part_1");
  const missing = await gone.download(sampleSource(gone.store, sample));
  assert.equal(missing.kind === "failed" && missing.error.message, "chunk 'sample-key/1/data.part_1' download failed");
});

test("longer files that are there before are cut, others stay", async (t) => {
  const fixture = await DownloadFixture.make(t);
  await mkdir(join(fixture.data, "d1"), { recursive: true });
  await writeFile(join(fixture.data, "d1/b"), Buffer.alloc(100_000, 1));
  await writeFile(join(fixture.data, "sparse"), Buffer.alloc(1_000_000, 1));
  await writeFile(join(fixture.data, "other"), "mine");
  await symlink("/etc/passwd", join(fixture.data, "x"));
  const passwd = await readFile("/etc/passwd");
  const sample = await storeSample(fixture.store, sampleFiles(), { chunkSize: 64 * KIB });
  assert.equal((await fixture.download(sampleSource(fixture.store, sample))).kind, "complete");
  assert.deepEqual(await treeOf(fixture.data), new Map([...sample.files, ["other", Buffer.from("mine")]]));
  assert.deepEqual(await readFile("/etc/passwd"), passwd);
});

test("links on the way and anything that is not a plain file are refused with their path", async (t) => {
  for (const plant of ["folder-link", "fifo", "hard-link"] as const) {
    const fixture = await DownloadFixture.make(t);
    const outside = join(fixture.folder, "outside");
    await mkdir(outside);
    await mkdir(fixture.data);
    const sample = await storeSample(fixture.store, sampleFiles(), { chunkSize: 64 * KIB });
    if (plant === "folder-link") await symlink(outside, join(fixture.data, "d1"));
    // What a payload plants after the download has begun.
    let planted = plant === "folder-link";
    fixture.store.fault = () => {
      if (planted) return undefined;
      planted = true; // at once: other chunks are on their way
      if (plant === "fifo") execFileSync("mkfifo", [join(fixture.data, "x")]);
      else {
        writeFileSync(join(outside, "secret"), "secret");
        execFileSync("ln", [join(outside, "secret"), join(fixture.data, "x")]);
      }
      return undefined;
    };
    const outcome = await fixture.download(sampleSource(fixture.store, sample));
    const cause = outcome.kind === "failed" ? messageOf(outcome.error) : "";
    const name = plant === "folder-link" ? "d1" : "x";
    assert.match(cause, new RegExp(`refusing to (use|go through) '${name}' in the data`), plant);
    const inside = plant === "hard-link" ? new Map([["secret", Buffer.from("secret")]]) : new Map();
    assert.deepEqual(await treeOf(outside), inside);
  }
});

test("a manifest that cannot be right writes nothing", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const sample = await storeSample(fixture.store, sampleFiles(), { chunkSize: 64 * KIB });
  for (const path of ["../x", "/etc/x", "a/../../x", ".babel_jobs/x"]) {
    const chunks = sample.chunks.map((chunk) => ({
      ...chunk,
      destinations: chunk.destinations.map((each) => (each.path === "x" ? { ...each, path } : each)),
    }));
    const outcome = await fixture.download(sampleSource(fixture.store, { ...sample, chunks }));
    assert.match(outcome.kind === "failed" ? outcome.error.message : "", /^invalid manifest: path /);
    assert.equal(existsSync(fixture.data), false);
  }
  assert.equal(fixture.store.counters.requests, 0);
});

test("archives of no chunks, and of empty files only", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const none = await storeSample(fixture.store, new Map(), { chunkSize: 10 });
  assert.equal((await fixture.download(sampleSource(fixture.store, none))).kind, "complete");
  assert.deepEqual(await treeOf(fixture.data), new Map());
  const other = await DownloadFixture.make(t);
  const empty = await storeSample(
    other.store,
    new Map([
      ["e", Buffer.of()],
      ["f/g", Buffer.of()],
    ]),
    { chunkSize: 10 },
  );
  assert.equal((await other.download(sampleSource(other.store, empty))).kind, "complete");
  assert.deepEqual(await treeOf(other.data), empty.files);
});

test("what was stopped, and files that were lost meanwhile, are gone on with", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const sample = await storeSample(fixture.store, sampleFiles(), { chunkSize: 32 * KIB });
  const stop = new AbortController();
  let served = 0;
  fixture.store.fault = () => {
    served += 1;
    if (served === 8) stop.abort();
    return undefined;
  };
  await assert.rejects(fixture.download(sampleSource(fixture.store, sample), { signal: stop.signal }), {
    message: "interrupted",
  });
  await rm(join(fixture.data, "y"));
  assert.equal((await fixture.download(sampleSource(fixture.store, sample))).kind, "complete");
  assert.deepEqual(await treeOf(fixture.data), sample.files);

  // As if it had been cut off between the last record and the marker.
  await fixture.state.mark();
  assert.equal((await fixture.download(sampleSource(fixture.store, sample))).kind, "complete");
  assert.equal(fixture.state.isIncomplete(), false);
});

test("of a version that was given up nothing is left in the next one; what was there before stays (T-18)", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const old = new Map([...sampleFiles(), ["old/deep/x", sampleBytes(200 * KIB, "old")]]);
  const first = await storeSample(fixture.store, old, { chunkSize: 32 * KIB });
  await mkdir(join(fixture.data, "old"), { recursive: true });
  await writeFile(join(fixture.data, "old/mine"), "mine");
  const stop = new AbortController();
  fixture.store.fault = () => {
    if (existsSync(join(fixture.data, "old/deep/x")) && existsSync(join(fixture.data, "x"))) stop.abort();
    return undefined;
  };
  const stopped = fixture.download(sampleSource(fixture.store, first), { signal: stop.signal });
  await assert.rejects(stopped, { message: "interrupted" });
  fixture.store.fault = () => undefined;
  const next = new Map([...sampleFiles()].filter(([path]) => path !== "x"));
  const second = await storeSample(fixture.store, next, { chunkSize: 32 * KIB, dataVersion: 2 });
  const source = sampleSource(fixture.store, second, { dataVersion: 2 });
  assert.equal((await fixture.download(source, { download: { dataVersion: 2 } })).kind, "complete");
  assert.deepEqual(await treeOf(fixture.data), new Map([...next, ["old/mine", Buffer.from("mine")]]));
  assert.deepEqual(await readdir(join(fixture.data, "old")), ["mine"]);
});

test("caps of connections hold while they change, and lose nothing", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const sample = await storeSample(fixture.store, new Map([["x", sampleBytes(3_000_000, "x")]]), {
    chunkSize: 256 * KIB,
    compression: { codec: "none" },
  });
  const streams = new Streams(2);
  fixture.store.fault = () => ({ kind: "slow", bytesPerSecond: 8_000_000 });
  let sends = 0;
  fixture.store.sending = () => {
    sends += 1;
    if (sends % 5 === 0) streams.limit([1, 2, 3][sends % 3]);
  };
  assert.equal((await fixture.download(sampleSource(fixture.store, sample), { streams })).kind, "complete");
  assert.deepEqual(await treeOf(fixture.data), sample.files);
  assert.ok(fixture.store.counters.peak <= 4, `${fixture.store.counters.peak} connections`);
});

test("bandwidth is capped over all threads, and the cap can be lifted", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const sample = await storeSample(fixture.store, new Map([["x", sampleBytes(2_000_000, "x")]]), {
    chunkSize: 500_000,
    compression: { codec: "none" },
  });
  let apply: (cap: number | undefined) => void = () => undefined;
  const download = fixture.download(sampleSource(fixture.store, sample), {
    followBandwidth: (given) => {
      apply = given;
      given(1000);
    },
  });
  const { setTimeout: delay } = await import("node:timers/promises");
  let ended = false;
  const finished = download.finally(() => {
    ended = true;
  });
  // At 1 kB/s this would take half an hour.
  while (fixture.store.counters.requests < 4) await delay(5);
  await delay(300);
  assert.equal(ended, false);
  apply(undefined);
  assert.equal((await finished).kind, "complete");
  assert.deepEqual(await treeOf(fixture.data), sample.files);
});

/** BABEL_ARCHIVE_FILES=100000 for the long version. */
const MANY = Number(process.env["BABEL_ARCHIVE_FILES"] ?? 5000);

test(`${MANY} small files arrive without a flush for each, with few descriptors`, async (t) => {
  const fixture = await DownloadFixture.make(t);
  const files = new Map<string, Buffer>();
  for (let n = 0; n < MANY; n += 1) files.set(`d${n % 100}/${n}`, Buffer.from(`file ${n}`));
  const sample = await storeSample(fixture.store, files, { chunkSize: 10_000 });
  const before = readdirSync("/proc/self/fd").length;
  let most = 0;
  fixture.store.sending = () => {
    most = Math.max(most, readdirSync("/proc/self/fd").length);
  };
  assert.equal((await fixture.download(sampleSource(fixture.store, sample))).kind, "complete");
  assert.deepEqual(await treeOf(fixture.data), files);
  // Two threads with files and folders, and connections with both of their ends.
  assert.ok(most < before + 100, `${most} descriptors, ${before} before`);
});

test("a second runner of the same download is refused", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const { spawn } = await import("node:child_process");
  const { statOf } = await import("../../process/identity.ts");
  const other = spawn("sleep", ["60"]);
  t.after(() => other.kill());
  await mkdir(fixture.state.path, { recursive: true });
  const boot = (await readFile("/proc/sys/kernel/random/boot_id", "latin1")).trim();
  await writeFile(join(fixture.state.path, "lease.json"), JSON.stringify({ ...statOf(other.pid!), boot }));
  const sample = await storeSample(fixture.store, sampleFiles(), { chunkSize: 64 * KIB });
  const outcome = await fixture.download(sampleSource(fixture.store, sample));
  assert.equal(outcome.kind === "failed" && outcome.error.message, `job already running (pid ${other.pid})`);
});
