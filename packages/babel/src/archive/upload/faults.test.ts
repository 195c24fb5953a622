import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { QuotaExceededSchema } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import { Code, ConnectError } from "@connectrpc/connect";
import { until } from "../../testbed/agent.ts";
import { treeOf } from "../testing/download-fixture.ts";
import { type Fault, FaultyStore } from "../testing/faulty-store.ts";
import { sampleBytes } from "../testing/sample-archive.ts";
import { UploadFixture } from "../testing/upload-fixture.ts";
import { Throttle } from "../transfer/throttle.ts";
import { ObjectPutter } from "./put.ts";

const MIB = 1024 * 1024;
const PIECE = 64 * 1024;
const FILES = {
  "db/a": sampleBytes(600_000, "a"),
  "db/b": sampleBytes(300_000, "b"),
  c: sampleBytes(100, "c"),
  empty: "",
};

async function assertPublished(fixture: UploadFixture): Promise<void> {
  const expected = await treeOf(fixture.data);
  assert.deepEqual(await fixture.decoded(), new Map([...expected].sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** The first exchange about the chunk with this number goes wrong. */
const FAULTS: readonly Fault[] = [
  { kind: "reset", after: 0 },
  { kind: "reset", after: 70_000 },
  { kind: "stall", after: 40_000 },
  { kind: "flip", at: 1000 },
  { kind: "lost" },
  { kind: "status", status: 403 },
  { kind: "status", status: 408 },
  { kind: "status", status: 429 },
  { kind: "status", status: 503, retryAfter: "0" },
  { kind: "status", status: 500 },
  { kind: "status", status: 400, reason: "RequestTimeout" },
  { kind: "status", status: 400, reason: "ExpiredToken" },
];

test("whatever goes wrong once is sent again, and the version is published whole", async (t) => {
  const fixture = await UploadFixture.make(t);
  await fixture.write(FILES);
  fixture.configure({ number_of_chunks: FAULTS.length });
  const met = new Set<Fault>();
  fixture.store.fault = ({ key, attempt }) => {
    assert.equal(fixture.engine.versions.size, 0);
    const fault = attempt > 1 ? undefined : FAULTS[Number(/part_(\d+)$/.exec(key)?.[1])];
    if (fault !== undefined) met.add(fault);
    return fault;
  };
  await fixture.run();
  await assertPublished(fixture);
  assert.equal(met.size, FAULTS.length);
  for (const what of ["stalled", "403", "BadDigest", "429", "503", "500", "408", "RequestTimeout", "ExpiredToken"]) {
    assert.ok(
      fixture.log.some((line) => line.includes(what)),
      what,
    );
  }
  for (const line of fixture.log) {
    assert.doesNotMatch(line, /signature|expires=/);
    if (/RequestTimeout|ExpiredToken/.test(line))
      assert.match(line, /: server responded with 400 \(\w+\); sending it again/);
  }
});

test("a store that takes a trickle is given up; one that waits for what the cap holds back is not (D4-10)", async (t) => {
  const store = await FaultyStore.start();
  t.after(() => store.close());
  const put = (size: number, cap: number | undefined) => {
    const throttle = new Throttle();
    throttle.limit(cap);
    const putter = new ObjectPutter(throttle, { windowMs: 400, bytesPerSecond: 50 * MIB });
    t.after(() => putter.close());
    const pieces = Array.from({ length: size / PIECE }, () => Buffer.alloc(PIECE));
    const { signal } = new AbortController();
    return putter.put({ url: store.url("k"), headers: {}, size, pieces, signal, onSent: () => undefined });
  };
  await put(16 * PIECE, 20 * PIECE);
  assert.equal(store.objects.get("k")?.length, 16 * PIECE);
  store.fault = () => ({ kind: "slow", bytesPerSecond: MIB });
  await assert.rejects(put(50 * MIB, undefined), { kind: "stalled" });
});

test("all urls expired: new ones are asked for", async (t) => {
  const fixture = await UploadFixture.make(t);
  await fixture.write(FILES);
  fixture.configure({ number_of_chunks: 4 });
  let requests = 0;
  fixture.store.fault = () => {
    requests += 1;
    if (requests === 2) fixture.store.expireUrls();
    return undefined;
  };
  await fixture.run();
  await assertPublished(fixture);
});

test("a refusal for good fails the attempt at once; nothing is published, and the next one sends only what is missing", async (t) => {
  const fixture = await UploadFixture.make(t);
  await fixture.write(FILES);
  fixture.configure({ number_of_chunks: 4, max_connections: 1, max_runners: 1 });
  fixture.store.fault = ({ key }) => (key.endsWith("part_2") ? { kind: "status", status: 409 } : undefined);
  await assert.rejects(fixture.run(), { message: "server responded with 409" });
  assert.equal(fixture.engine.versions.size, 0);
  const { requests, received } = fixture.store.counters;
  assert.ok(requests <= 4);
  fixture.store.fault = () => undefined;
  await fixture.run();
  await assertPublished(fixture);
  const stored = [...fixture.store.objects.values()].reduce((sum, { length }) => sum + length, 0);
  const first = fixture.engine.newest!.chunks.slice(0, 2).reduce((sum, { size }) => sum + size, 0);
  assert.equal(fixture.store.counters.received - received, stored - first);
});

test("objects that the store lost are uploaded again before the version is published", async (t) => {
  const fixture = await UploadFixture.make(t);
  await fixture.write(FILES);
  fixture.configure({ number_of_chunks: 4 });
  let lost = false;
  fixture.store.fault = ({ key }) => {
    if (key.endsWith("files.json") && !lost) {
      lost = true;
      fixture.store.objects.delete("sample-key/1/data.part_1");
    }
    return undefined;
  };
  await fixture.run();
  await assertPublished(fixture);
  assert.ok(fixture.log.some((line) => line.startsWith("1 chunks are not stored as they should be")));
});

test("a host that is away is waited for; a lost answer to the publishing changes nothing", async (t) => {
  const fixture = await UploadFixture.make(t);
  await fixture.write(FILES);
  let away = 3;
  fixture.engine.before = () => {
    away -= 1;
    if (away >= 0) throw new ConnectError("the daemon restarts", Code.Unavailable);
  };
  let lost = true;
  fixture.engine.afterPublish = () => {
    if (!lost) return;
    lost = false;
    throw new ConnectError("the daemon restarts", Code.Unavailable);
  };
  await fixture.run();
  await assertPublished(fixture);
  assert.deepEqual([...fixture.engine.versions.keys()], [1]);
});

for (const reference of [false, true]) {
  const api = reference ? "an API of the reference's kind" : "our API";
  test(`an attempt that ended right after the publishing is known to have succeeded, behind ${api}`, async (t) => {
    const fixture = await UploadFixture.make(t, { reference });
    await fixture.write(FILES);
    fixture.engine.afterPublish = () => {
      throw new ConnectError("gone", Code.PermissionDenied);
    };
    await assert.rejects(fixture.run());
    const { received } = fixture.store.counters;
    assert.equal((await fixture.run()).data_version, 1);
    assert.equal(fixture.store.counters.received, received);
    assert.deepEqual([...fixture.engine.versions.keys()], [1]);
  });

  test(`a version that somebody else published in the meantime is not taken for one's own, behind ${api}`, async (t) => {
    const fixture = await UploadFixture.make(t, { reference });
    await fixture.write(FILES);
    fixture.engine.before = (call) => {
      if (call === "publish") throw new ConnectError("gone", Code.PermissionDenied);
    };
    await assert.rejects(fixture.run(), /gone/);
    fixture.engine.before = () => undefined;
    const foreign = await UploadFixture.make(t, { reference });
    await foreign.write({ ...FILES, "db/b": sampleBytes(300_000, "another") });
    await foreign.run();
    // The lease ran out, and the number was given to somebody else.
    fixture.engine.versions.set(1, foreign.engine.newest!);
    fixture.engine.reserveFor(2);
    assert.equal((await fixture.run()).data_version, 2);
    assert.ok(fixture.log.includes("version 1 was published by somebody else"));
    await assertPublished(fixture);
  });
}

test("somebody else uploads: the job says so; a lost lease makes the next attempt begin anew", async (t) => {
  const fixture = await UploadFixture.make(t);
  await fixture.write(FILES);
  fixture.engine.before = () => {
    throw new ConnectError("Data version: 4", Code.AlreadyExists);
  };
  await assert.rejects(fixture.run(), /Data version: 4/);
  let calls = 0;
  fixture.engine.before = () => {
    calls += 1;
    if (calls === 3) throw new ConnectError("the lease was lost", Code.FailedPrecondition);
  };
  await assert.rejects(fixture.run(), /the lease was lost/);
  fixture.engine.before = () => undefined;
  fixture.engine.reserveFor(2);
  assert.equal((await fixture.run()).data_version, 2);
  await assertPublished(fixture);
});

test("a quota that is used up is not waited for", async (t) => {
  const fixture = await UploadFixture.make(t);
  await fixture.write(FILES);
  fixture.engine.before = () => {
    throw new ConnectError("The quota is used up: 3 uploads", Code.ResourceExhausted, undefined, [
      { desc: QuotaExceededSchema, value: { orgId: "an org" } },
    ]);
  };
  await assert.rejects(fixture.run(), /The quota is used up: 3 uploads/);
  assert.equal(fixture.engine.calls["getSlots"], 1);
});

test("an API that has only what the reference has gets an archive of the reference's kind", async (t) => {
  const fixture = await UploadFixture.make(t, { reference: true });
  await fixture.write(FILES);
  fixture.configure({ number_of_chunks: 3 });
  const result = await fixture.run();
  await assertPublished(fixture);
  const { header } = fixture.engine.newest!;
  assert.deepEqual(header, { totalSize: result.total_size, compression: { codec: "zstd", level: 3 }, chunks: 3 });
  assert.ok(![...fixture.store.objects.keys()].some((key) => key.includes("manifest-files")));
});

test("a full disk is waited for: progress says so, and nothing is lost", async (t) => {
  const states = await mkdtemp(join(tmpdir(), "babel-tmpfs-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=40m", "tmpfs", states]);
  t.after(async () => {
    execFileSync("umount", ["-l", states]);
    await rm(states, { recursive: true });
  });
  const fixture = await UploadFixture.make(t);
  await symlink(states, fixture.protocolData.folder);
  // More than memory is lent for, so that it has to go through the disk, as does nothing else here.
  await fixture.write({ "db/large": randomBytes(28 * MIB), "db/small": sampleBytes(100_000, "small") });
  fixture.configure({ number_of_chunks: 1 });
  const others = join(states, "others");
  await writeFile(others, Buffer.alloc(20 * MIB));
  const running = fixture.run();
  running.catch(() => undefined);
  const paused = async () => (await fixture.progress().catch(() => ({}) as { phase?: string }))["phase"] === "paused";
  await until(paused, "the upload waits for the disk");
  assert.equal((await fixture.progress())["message"], "waiting for disk space for a compressed chunk");
  assert.equal(fixture.engine.versions.size, 0);
  await rm(others);
  assert.equal((await running).data_version, 1);
  await assertPublished(fixture);
  assert.deepEqual(
    fixture.log.filter((line) => line.startsWith("waiting")),
    ["waiting for disk space for a compressed chunk"],
  );
});
