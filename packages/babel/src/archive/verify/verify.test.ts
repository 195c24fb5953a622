import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { builtAgent } from "../../testbed/agent.ts";
import { ChunkSink } from "../download/chunk-sink.ts";
import { ChunkThreads } from "../download/chunk-threads.ts";
import { Download } from "../download/download.ts";
import { StoredManifest } from "../download/stored-manifest.ts";
import { Tree } from "../download/tree.ts";
import type { Chunk } from "../format/chunk.ts";
import { DownloadFixture, QUICK, treeOf } from "../testing/download-fixture.ts";
import { type SampleArchive, sampleBytes, sampleSource, storeSample } from "../testing/sample-archive.ts";
import { ToolProcess } from "../testing/tool-process.ts";
import { type Damage, verify } from "./verify.ts";

const bundle = await builtAgent();
after(() => rm(dirname(bundle.folder), { recursive: true, force: true }));

async function writeTree(folder: string, files: ReadonlyMap<string, Buffer>): Promise<void> {
  for (const [path, content] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

const small = new Map([
  ["a", sampleBytes(90, "a")],
  ["d/b", sampleBytes(70, "b")],
  ["e", Buffer.of()],
]);

/** With the hash of the content that a content-addressed archive has. */
function withIds({ chunks, files, header }: SampleArchive): SampleArchive {
  const idOf = ({ destinations }: Chunk): string => {
    const hash = createHash("sha256");
    for (const { path, pos, size } of destinations) hash.update(files.get(path)!.subarray(pos, pos + size));
    return hash.digest("hex");
  };
  return { header, files, chunks: chunks.map((chunk) => ({ ...chunk, id: idOf(chunk) })) };
}

for (const kind of ["hash of the content", "stored as it is", "fetched and compared"] as const) {
  test(`every wrong byte on disk is found, with chunk and file (${kind})`, async (t) => {
    const fixture = await DownloadFixture.make(t);
    const compression =
      kind === "stored as it is" ? ({ codec: "none" } as const) : ({ codec: "zstd", level: 3 } as const);
    const plain = await storeSample(fixture.store, small, { chunkSize: 64, compression });
    const sample = kind === "hash of the content" ? withIds(plain) : plain;
    await writeTree(fixture.data, sample.files);
    const source = sampleSource(fixture.store, sample);
    const options = { source, destination: fixture.data, state: fixture.state, adopt: true, log: () => undefined };
    const download = (await Download.open(options))!;
    const threads = new ChunkThreads({ ...QUICK, most: 1 });
    t.after(async () => {
      await threads.end();
      await download.close();
    });
    const look = async (): Promise<readonly Damage[]> => {
      const found: Damage[] = [];
      const signal = new AbortController().signal;
      const checked = (): void => undefined;
      const fetched = await verify(download, {
        threads,
        connections: () => 2,
        signal,
        checked,
        found: (each) => found.push(each),
      });
      assert.equal(fetched, kind === "fetched and compared" ? 3 : 0);
      return found;
    };
    assert.deepEqual(await look(), []);
    for (const [path, content] of sample.files) {
      for (let at = 0; at < content.length; at += 1) {
        const wrong = Buffer.from(content);
        wrong[at] = wrong[at]! ^ (1 << (at % 8));
        await writeFile(join(fixture.data, path), wrong);
        const owner = sample.chunks.find(({ destinations }) =>
          destinations.some((each) => each.path === path && at >= each.pos && at < each.pos + each.size),
        )!;
        const damage = (await look()).map(({ chunk, key, files }) => ({ chunk, key, named: files.includes(path) }));
        assert.deepEqual(damage, [{ chunk: owner.index, key: owner.key, named: true }], `${path} at ${at}`);
      }
      await writeFile(join(fixture.data, path), content);
    }
  });
}

test("every wrong byte of a stored chunk, and of the stored manifest, is noticed", async (t) => {
  const fixture = await DownloadFixture.make(t);
  for (const codec of ["zstd", "none"] as const) {
    const compression = codec === "zstd" ? ({ codec, level: 3 } as const) : ({ codec } as const);
    const sample = await storeSample(fixture.store, small, { chunkSize: 1000, compression });
    const [chunk] = sample.chunks;
    const stored = fixture.store.objects.get(chunk!.key)!;
    await mkdir(fixture.data, { recursive: true });
    const tree = new Tree(fixture.data);
    t.after(() => tree.close());
    const lengths = chunk!.destinations.map(({ path }) => small.get(path)!.length);
    const output = Buffer.alloc(4096);
    const receive = async (bytes: Uint8Array): Promise<void> => {
      const sink = await ChunkSink.open(
        { purpose: "write", chunk: chunk!, codec, lengths, fresh: false, output },
        tree,
      );
      try {
        sink.write(bytes);
        sink.finish();
      } finally {
        sink.close();
      }
    };
    await receive(stored);
    for (let at = 0; at < stored.length; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const wrong = Uint8Array.from(stored);
        wrong[at] = wrong[at]! ^ (1 << bit);
        await assert.rejects(receive(wrong), { kind: "corrupt" }, `${codec}, byte ${at}, bit ${bit}`);
      }
    }
    assert.equal((await fixture.download(sampleSource(fixture.store, sample))).kind, "complete");
    const { header, manifestDigest } = (await fixture.state.plan())!;
    const manifest = await readFile(fixture.state.manifest);
    for (let at = 0; at < manifest.length; at += 1) {
      const wrong = Buffer.from(manifest);
      wrong[at] = wrong[at]! ^ (1 << (at % 8));
      await writeFile(fixture.state.manifest, wrong);
      const opened = await StoredManifest.open(fixture.state.manifest, header, manifestDigest).catch(() => undefined);
      assert.equal(opened, undefined, `byte ${at}`);
    }
    await rm(fixture.state.path, { recursive: true });
  }
});

test("operators verify and repair: only what is damaged is fetched", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const files = new Map([
    ["big", sampleBytes(1_000_000, "big")],
    ["d/cut", sampleBytes(60_000, "cut")],
    ["d/gone", sampleBytes(50_000, "gone")],
    ["long", sampleBytes(40_000, "long")],
    ["whole", sampleBytes(300_000, "whole")],
    ["zeros", Buffer.alloc(200_000)],
  ]);
  const sample = withIds(await storeSample(fixture.store, files, { chunkSize: 100_000 }));
  const source = sampleSource(fixture.store, sample);
  await writeTree(fixture.data, files);
  const flipped = Buffer.from(files.get("big")!);
  flipped[420_000] = flipped[420_000]! ^ 4;
  await writeFile(join(fixture.data, "big"), flipped);
  await truncate(join(fixture.data, "d/cut"), 59_999);
  await rm(join(fixture.data, "d/gone"));
  await truncate(join(fixture.data, "long"), 40_001);
  await writeFile(join(fixture.data, "zeros"), Buffer.alloc(200_000).fill(1, 70_000, 70_001));
  const damaged = sample.chunks.filter(({ destinations }) =>
    destinations.some(
      ({ path, pos, size }) =>
        ["d/cut", "d/gone", "long"].includes(path) ||
        (path === "big" && pos <= 420_000 && pos + size > 420_000) ||
        (path === "zeros" && pos <= 70_000 && pos + size > 70_000),
    ),
  );
  const program = join(bundle.folder, bundle.description.version);
  const run = async (verb: string): Promise<{ readonly code: number | null; readonly tool: ToolProcess }> => {
    const tool = new ToolProcess(program, [verb, "--name", "sample-key", "--data", fixture.data], source);
    return { code: await tool.ended, tool };
  };
  const found = (tool: ToolProcess) =>
    tool.events.flatMap(({ event, chunk }) => (event === "damage" ? [chunk] : [])).sort();

  const first = await run("verify");
  assert.deepEqual(first.tool.result, { event: "result", kind: "damaged", data_version: 1, chunks: damaged.length });
  assert.deepEqual([first.code, found(first.tool)], [1, damaged.map(({ index }) => index).sort()]);
  assert.equal(fixture.store.counters.requests, 0);

  const second = await run("repair");
  const complete = { event: "result", kind: "complete", data_version: 1, total_size: sample.header.totalSize };
  assert.deepEqual(second.tool.result, { ...complete, repaired: damaged.length });
  assert.deepEqual([second.code, fixture.store.counters.requests], [0, damaged.length]);
  assert.deepEqual(await treeOf(fixture.data), files);

  const third = await run("verify");
  assert.deepEqual([third.code, third.tool.result], [0, complete]);
});

test("a newer version over a complete older one: only what differs is fetched, whatever became of the older one (9.3)", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const chunkSize = 64 * 1024;
  const [grows, shrinks] = [sampleBytes(500_000, "grows"), sampleBytes(4 * chunkSize, "shrinks")];
  const old = new Map([
    ["db/grows", grows],
    ["db/shrinks", shrinks],
    ["db/same", sampleBytes(100_000, "same")],
    ["db/used", sampleBytes(100_000, "used")],
    ["db/linked", sampleBytes(70_000, "linked")],
    ["gone", sampleBytes(10, "gone")],
  ]);
  const fresh = new Map<string, Buffer>([
    ["db/grows", Buffer.concat([grows, sampleBytes(200_000, "more")])],
    ["db/shrinks", shrinks.subarray(0, 2 * chunkSize)],
    ...(["db/same", "db/used", "db/linked"] as const).map((path) => [path, old.get(path)!] as const),
    ["db/new", sampleBytes(50_000, "new")],
  ]);
  // A chunk for each piece of a file, as in content-addressed archives.
  const pieces = async (files: ReadonlyMap<string, Buffer>, dataVersion: number) => {
    const chunks: Chunk[] = [];
    for (const [path, content] of files) {
      const one = await storeSample(fixture.store, new Map([[path, content]]), {
        chunkSize,
        storeKey: path,
        dataVersion,
      });
      chunks.push(...one.chunks.map((chunk) => ({ ...chunk, index: chunks.length + chunk.index })));
    }
    const totalSize = [...files.values()].reduce((sum, { length }) => sum + length, 0);
    const header = {
      totalSize,
      compression: { codec: "zstd", level: 3 },
      chunks: chunks.length,
      layout: "cas",
    } as const;
    return withIds({ header, chunks, files });
  };
  const [first, second] = [await pieces(old, 1), await pieces(fresh, 2)];
  const program = join(bundle.folder, bundle.description.version);
  const fetch = (sample: SampleArchive, dataVersion: number, listen?: (tool: ToolProcess) => void) => {
    const state = join(fixture.folder, "state");
    const args = ["fetch", "--name", "sample-key", "--data", fixture.data, "--state", state];
    const tool: ToolProcess = new ToolProcess(
      program,
      [...args, "--data-version", String(dataVersion), "--max-connections", "1"],
      sampleSource(fixture.store, sample, { dataVersion }),
    );
    listen?.(tool);
    return tool;
  };
  assert.equal(await fetch(first, 1).ended, 0);
  // A node lived on it; somebody put a link in the place of a file.
  const used = Buffer.from(old.get("db/used")!);
  used[chunkSize + 5] = used[chunkSize + 5]! ^ 1;
  await writeFile(join(fixture.data, "db/used"), used);
  await rm(join(fixture.data, "db/linked"));
  await symlink("/etc/passwd", join(fixture.data, "db/linked"));
  const oldIds = new Map(first.chunks.map(({ id, destinations }) => [`${id} ${JSON.stringify(destinations)}`, true]));
  const differing = second.chunks.filter(({ id, destinations: [place], ...chunk }) => {
    const same = oldIds.has(`${id} ${JSON.stringify([place])}`);
    return !same || place!.path === "db/linked" || (place!.path === "db/used" && place!.pos > 0 && chunk.size > 0);
  });
  assert.ok(differing.length < second.chunks.length / 2);

  const { requests } = fixture.store.counters;
  const cut = fetch(second, 2, ({ child }) => {
    fixture.store.fault = () => {
      if (fixture.store.counters.requests - requests === 3) child.kill("SIGKILL");
      return undefined;
    };
  });
  assert.equal(await cut.ended, null);
  fixture.store.fault = () => undefined;
  const whole = fetch(second, 2);
  assert.equal(await whole.ended, 0, JSON.stringify(whole.result));
  assert.deepEqual(await treeOf(fixture.data), new Map([...fresh, ["gone", old.get("gone")!]]));
  const again = fixture.store.counters.requests - requests - differing.length;
  assert.ok(again >= 0 && again <= 1, `${again} chunks were fetched twice`);
});

test("what the disk cannot read is damage, with file and offset, and is repaired", async (t) => {
  const data = await mkdtemp(join(tmpdir(), "babel-verify-"));
  const unmount = (): void => void execFileSync("umount", [data]);
  t.after(async () => {
    unmount();
    await rm(data, { recursive: true });
  });
  const fixture = await DownloadFixture.make(t);
  const files = new Map([["db/x", sampleBytes(3 * 1024 * 1024, "x")]]);
  const chunkSize = 256 * 1024;
  const sample = withIds(await storeSample(fixture.store, files, { chunkSize, compression: { codec: "none" } }));
  const image = join(fixture.folder, "image");
  const mount = (): void => void execFileSync("mount", ["-o", "loop", image, data]);
  await writeFile(image, "");
  await truncate(image, 8 * 1024 * 1024);
  execFileSync("mkfs.ext4", ["-q", "-O", "^has_journal", "-b", "4096", image]);
  mount();
  await writeTree(data, files);
  unmount();
  mount();
  // The device ends earlier than its file system: what lies behind cannot be read. Writing makes it longer again, as a disk replaces a bad sector.
  const { size } = await stat(image);
  const blocks = execFileSync("filefrag", ["-b4096", "-v", join(data, "db/x")], { encoding: "utf8" });
  const extent = /^ *0: +0\.\. +(\d+): +(\d+)\.\./m.exec(blocks);
  assert.ok(extent !== null && Number(extent[1]) >= 767, blocks);
  const unreadableFrom = 2 * 1024 * 1024;
  await truncate(image, Number(extent[2]) * 4096 + unreadableFrom);
  const program = join(bundle.folder, bundle.description.version);
  const args = ["--name", "sample-key", "--data", data];
  const source = sampleSource(fixture.store, sample);
  const check = new ToolProcess(program, ["verify", ...args], source);
  assert.equal(await check.ended, 1, JSON.stringify(check.result));
  const damaged = sample.chunks.filter(({ destinations }) => destinations[0]!.pos >= unreadableFrom);
  const found = check.events.filter(({ event }) => event === "damage").map(({ chunk, reason }) => ({ chunk, reason }));
  assert.deepEqual(
    found.sort((a, b) => Number(a.chunk) - Number(b.chunk)),
    damaged.map(({ index, destinations }) => ({
      chunk: index,
      reason: `'db/x' cannot be read from byte ${destinations[0]!.pos} on: EIO: i/o error, read`,
    })),
  );
  await truncate(image, size);
  const repair = new ToolProcess(program, ["repair", ...args], source);
  assert.equal(await repair.ended, 0, JSON.stringify(repair.result));
  assert.ok((await readFile(join(data, "db/x"))).equals(files.get("db/x")!));
});

test("a url that cannot be renewed is what a verification says", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const sample = await storeSample(fixture.store, small, { chunkSize: 64, compression: { codec: "zstd", level: 3 } });
  await writeTree(fixture.data, sample.files);
  const source = sampleSource(fixture.store, sample);
  fixture.store.fault = () => {
    source.chunks = async () => Promise.reject(new Error("not logged in any more"));
    return { kind: "status", status: 403 };
  };
  const download = (await Download.open({
    ...{ source: { ...source, chunks: (...args) => source.chunks(...args) }, adopt: true, log: () => undefined },
    ...{ destination: fixture.data, state: fixture.state },
  }))!;
  const threads = new ChunkThreads({ ...QUICK, most: 1 });
  t.after(async () => {
    await threads.end();
    await download.close();
  });
  const nothing = (): void => undefined;
  const { signal } = new AbortController();
  const options = { threads, connections: () => 1, signal, checked: nothing, found: nothing };
  await assert.rejects(verify(download, options), { message: "not logged in any more" });
});
