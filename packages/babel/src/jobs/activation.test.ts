import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openRegistry, reaches } from "../testbed/registry.ts";
import type { JobConfig } from "./config.ts";

const RESULT = { store_key: "beacon", data_version: 3, total_size: 7 };
/** An archive process that succeeds: its job's name is its last argument. */
const ARCHIVE = ["/bin/sh", "-c", `echo '${JSON.stringify(RESULT)}' > $BABEL_JOB_DIR/result.json`];

async function node(t: TestContext, busybox?: string) {
  const opened = await openRegistry({ archiveCommand: ARCHIVE, ...(busybox === undefined ? {} : { busybox }) });
  t.after(async () => {
    await opened.registry.retain([]);
    await rm(opened.root, { recursive: true, force: true });
  });
  /** Runs the download job, as `init` would have it. */
  const download = async (type: JobConfig["job_type"]) => {
    await opened.registry.create("download", { job_type: type, restart: "never" });
    await opened.registry.start("download");
    await reaches(opened.registry, "download", "finished");
    const { state, runs } = opened.registry.get("download").record;
    return { state, runs };
  };
  return { ...opened, download };
}

test("services with archives of their own: a new one's data is fetched though the others' is complete", async (t) => {
  const { download, protocolData } = await node(t);
  const fetched = { kind: "finished", exitCode: 0, message: "" };
  assert.deepEqual(await download({ multi_client_download: {} }), { state: fetched, runs: 1 });
  await protocolData.touch();
  assert.deepEqual(await download({ multi_client_download: {} }), { state: fetched, runs: 2 });
  const { complete, incomplete } = await protocolData.read();
  assert.deepEqual(
    { ...complete, finished_at: 0, incomplete },
    { ...RESULT, source: "download", finished_at: 0, incomplete: false },
  );
  // One archive for all of it stays as it is.
  const left = { kind: "finished", exitCode: 0, message: "job 'download' finished" };
  assert.deepEqual(await download({ download: {} }), { state: left, runs: 2 });
});

test("what a script downloaded is not told to be what an archive job had fetched", async (t) => {
  const { download, protocolData } = await node(t);
  await download({ multi_client_download: {} });
  await protocolData.begin("download");
  await download({ run_sh: "true" });
  const { complete } = await protocolData.read();
  const nothing = { store_key: "", data_version: 0, total_size: 0 };
  assert.deepEqual({ ...complete, finished_at: 0 }, { ...nothing, source: "alternative-download", finished_at: 0 });
});

test("data that are not all there are uploaded by nobody", async (t) => {
  const { registry, protocolData } = await node(t);
  for (const type of [{ upload: {} }, { multi_client_upload: {} }]) {
    await registry.create("upload", { job_type: type, restart: "never" });
    await protocolData.begin("download");
    await registry.start("upload");
    await reaches(registry, "upload", "finished");
    const message =
      "job 'upload' uses protocol data, but that is incomplete: its download was begun and has not finished; " +
      "start the download job again, or clean it up";
    assert.deepEqual(registry.get("upload").record.state, { kind: "finished", exitCode: null, message });
    await protocolData.abandon();
    await registry.start("upload");
    await reaches(registry, "upload", "finished");
    assert.deepEqual(registry.get("upload").record.state, { kind: "finished", exitCode: 0, message: "" });
  }
});

test("data that did not get to the disk is not complete, whatever its script says", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "babel-sync-"));
  t.after(() => rm(folder, { recursive: true }));
  // A disk that fails cannot be had here; what then is told by `sync` can.
  const busybox = join(folder, "busybox");
  const failing =
    '#!/bin/sh\n[ "$1" = sync ] && { echo \'sync: /data: I/O error\' >&2; exit 1; }\nexec /bin/busybox "$@"\n';
  await writeFile(busybox, failing, { mode: 0o755 });
  const { download, protocolData } = await node(t, busybox);
  const message =
    "job 'download' succeeded, but its data could not be written to the disk: sync: /data: I/O error; " +
    "see the kernel's log for the disk, then clean the job up and start it again";
  assert.deepEqual(await download({ run_sh: "true" }), {
    state: { kind: "finished", exitCode: null, message },
    runs: 1,
  });
  const { complete, incomplete } = await protocolData.read();
  assert.deepEqual([complete, incomplete], [undefined, true]);
});
