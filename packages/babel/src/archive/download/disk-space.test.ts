import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { messageOf } from "../../errno.ts";
import { DownloadFixture, treeOf } from "../testing/download-fixture.ts";
import { sampleBytes, sampleSource, storeSample } from "../testing/sample-archive.ts";
import { Download } from "./download.ts";
import { StateFolder } from "./state-folder.ts";

const KIB = 1024;

async function smallDisk(t: TestContext, size: string): Promise<string> {
  const mount = await mkdtemp(join(tmpdir(), "babel-tmpfs-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", mount]);
  t.after(async () => {
    execFileSync("umount", ["-l", mount]);
    await rm(mount, { recursive: true });
  });
  return mount;
}

test("a full disk is waited for, with what is needed in the progress", async (t) => {
  const mount = await smallDisk(t, "6m");
  const fixture = await DownloadFixture.make(t, mount);
  const sample = await storeSample(
    fixture.store,
    new Map([
      ["a", sampleBytes(1_000_000, "a")],
      ["x", sampleBytes(3_000_000, "x")],
    ]),
    { chunkSize: 256 * KIB },
  );
  await writeFile(join(mount, "other"), Buffer.alloc(2_500_000, 1));
  const source = sampleSource(fixture.store, sample);
  const disk = { intervalMs: 50, patienceMs: 60_000, reserve: 0 };
  const seen: string[] = [];
  const log = (line: string): void => {
    seen.push(line);
    // Room appears when the download says that it needs some.
    if (line.startsWith("waiting for disk space")) void rm(join(mount, "other"));
  };
  assert.equal((await fixture.download(source, { disk, log })).kind, "complete");
  assert.match(
    seen.find((line) => line.startsWith("waiting")) ?? "",
    /^waiting for disk space: need 3\.\d MiB, have [12]\.\d MiB$/,
  );
  assert.deepEqual(await treeOf(fixture.data), sample.files);

  // Somebody fills the disk while chunks are written.
  const other = await DownloadFixture.make(t, mount);
  await rm(fixture.data, { recursive: true });
  let filled = false;
  other.store.sending = () => {
    if (filled || other.store.counters.sent < 500_000) return;
    filled = true;
    try {
      writeFileSync(join(mount, "other"), Buffer.alloc(6_000_000, 1));
    } catch {}
  };
  const again = await storeSample(other.store, sample.files, { chunkSize: 256 * KIB });
  const lines: string[] = [];
  const outcome = await other.download(sampleSource(other.store, again), {
    disk,
    log: (line) => {
      lines.push(line);
      if (line.startsWith("waiting for disk space")) void rm(join(mount, "other"), { force: true });
    },
  });
  assert.equal(outcome.kind === "failed" ? messageOf(outcome.error) : outcome.kind, "complete");
  assert.ok(filled && lines.some((line) => line.startsWith("waiting for disk space")), lines.join("\n"));
  assert.deepEqual(await treeOf(other.data), sample.files);

  const never = await DownloadFixture.make(t, mount);
  await rm(other.data, { recursive: true });
  await writeFile(join(mount, "other"), Buffer.alloc(4_000_000, 1));
  const hopeless = sampleSource(never.store, await storeSample(never.store, sample.files, { chunkSize: 256 * KIB }));
  await assert.rejects(
    never.download(hopeless, { disk: { ...disk, patienceMs: 100 } }),
    /^TransferFault: Can't download \d+ bytes of data while only \d+ available$/,
  );
});

for (const small of ["data", "state"] as const) {
  test(`the disk of the ${small} is looked at, where data and state lie on different ones`, async (t) => {
    const mount = await smallDisk(t, small === "data" ? "6m" : "3m");
    const fixture = await DownloadFixture.make(t);
    const files = new Map([["x", sampleBytes(4_000_000, "x")]]);
    const sample = await storeSample(fixture.store, files, { chunkSize: 256 * KIB });
    const data = small === "data" ? join(mount, "data") : fixture.data;
    const state = new StateFolder(join(small === "state" ? mount : fixture.folder, "state"));
    const other = join(mount, "other");
    await writeFile(other, Buffer.alloc(2_500_000, 1));
    const waited: string[] = [];
    const outcome = await fixture.download(sampleSource(fixture.store, sample), {
      disk: { intervalMs: 50, patienceMs: 60_000, reserve: 0 },
      log: (line) => {
        if (!line.startsWith("waiting for disk space")) return;
        waited.push(`${line.replace(/\d+\.\d/g, "N")} (${fixture.store.counters.requests} requests)`);
        void rm(other);
      },
      download: { destination: data, state },
    });
    assert.equal(outcome.kind === "failed" ? messageOf(outcome.error) : outcome.kind, "complete");
    const where = small === "state" ? ` in ${state.path}` : "";
    assert.match(
      waited.join("\n"),
      new RegExp(`^waiting for disk space${where}: need N MiB, have N [MK]iB \\(0 requests\\)$`),
    );
    assert.deepEqual(await treeOf(data), sample.files);
  });
}

test("repairing what is there needs no room", async (t) => {
  const mount = await smallDisk(t, "6m");
  const fixture = await DownloadFixture.make(t);
  const files = new Map([["x", sampleBytes(4_000_000, "x")]]);
  const sample = await storeSample(fixture.store, files, { chunkSize: 256 * KIB });
  const destination = join(mount, "data");
  const path = join(destination, "x");
  await mkdir(destination);
  await writeFile(path, Buffer.from(files.get("x")!).fill(7, 1_000_000, 1_300_000));
  await writeFile(join(mount, "other"), Buffer.alloc(2_200_000, 1));
  const source = sampleSource(fixture.store, sample);
  const options = { source, destination, state: fixture.state, adopt: true, log: () => undefined };
  const download = (await Download.open(options))!;
  const damaged = sample.chunks.filter(({ destinations: [{ pos, size } = { pos: 0, size: 0 }] }) => {
    return pos < 1_300_000 && pos + size > 1_000_000;
  });
  await download.lose(damaged.map(({ index }) => index));
  await download.close();
  const disk = { intervalMs: 50, patienceMs: 0, reserve: 1024 ** 3 };
  assert.equal((await fixture.download(source, { disk, download: options })).kind, "complete");
  assert.equal(fixture.store.counters.requests, damaged.length);
  assert.ok((await readFile(path)).equals(files.get("x")!));
});

for (const taken of ["once", "always"] as const) {
  test(`a journal without room ${taken === "once" ? "gets that of the ballast" : "is waited for"}`, async (t) => {
    const mount = await smallDisk(t, "4m");
    const fixture = await DownloadFixture.make(t);
    const files = new Map([["x", sampleBytes(3_000_000, "x")]]);
    const sample = await storeSample(fixture.store, files, { chunkSize: 16 * KIB });
    const state = new StateFolder(join(mount, "state"));
    const other = join(mount, "other");
    const fill = (): void => {
      for (let size = 1024 * KIB; size >= 4 * KIB; ) {
        try {
          appendFileSync(other, Buffer.alloc(size, 1));
        } catch {
          size /= 2;
        }
      }
      if (taken === "once") fixture.store.sending = () => undefined;
    };
    fixture.store.sending = fill;
    const stop = new AbortController();
    const log = (line: string): void => {
      fixture.log.push(line);
      if (line.startsWith("waiting for disk space")) stop.abort();
    };
    const source = sampleSource(fixture.store, sample);
    const run = fixture.download(source, { log, signal: stop.signal, download: { state } });
    if (taken === "once") assert.equal((await run).kind, "complete");
    else {
      await assert.rejects(run, { kind: "cancelled" });
      assert.match(fixture.log.join("\n"), /no room on the disk: ENOSPC.*\nwaiting for disk space in /);
      fixture.store.sending = () => undefined;
      await rm(other);
      assert.equal((await fixture.download(source, { download: { state } })).kind, "complete");
    }
    assert.deepEqual(await treeOf(fixture.data), sample.files);
  });
}

test("a write without room names the file", async (t) => {
  const mount = await smallDisk(t, "4m");
  const fixture = await DownloadFixture.make(t);
  const files = new Map([["x", sampleBytes(3_000_000, "x")]]);
  const sample = await storeSample(fixture.store, files, { chunkSize: 256 * KIB });
  fixture.store.sending = () => {
    fixture.store.sending = () => undefined;
    try {
      writeFileSync(join(mount, "other"), Buffer.alloc(4_000_000, 1));
    } catch {}
  };
  const stop = new AbortController();
  const log = (line: string): void => {
    fixture.log.push(line);
    if (line.startsWith("waiting for disk space")) stop.abort();
  };
  const download = { destination: join(mount, "data") };
  const run = fixture.download(sampleSource(fixture.store, sample), { log, signal: stop.signal, download });
  await assert.rejects(run, { kind: "cancelled" });
  assert.match(fixture.log.join("\n"), /^no room on the disk: can't write 'x' in the data: ENOSPC: /m);
});
