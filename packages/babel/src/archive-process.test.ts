import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { errorOfAll } from "./archive/final-fault.ts";
import { ArchiveEngine } from "./archive/testing/archive-engine.ts";
import { TransferFault } from "./archive/transfer/fault.ts";
import { runArchiveProcess } from "./archive-process.ts";
import { notFound } from "./failure.ts";
import { pathsBelow } from "./paths.ts";
import { currentBoot } from "./process/identity.ts";

test("an archive attempt leaves its result, or the reason of its failure", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "babel-archive-"));
  t.after(() => rm(root, { recursive: true, force: true }));
  const paths = pathsBelow(root);
  const folder = join(paths.jobs, "download");
  await mkdir(folder, { recursive: true });
  await mkdir(join(root, "etc"));
  const config = { job_type: { download: {} }, restart: "never" };
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  const conf = { node_env: { data_mount_point: "/blockjoy" }, secret: "s", boot_id: await currentBoot(), ramdisks: [] };
  await writeFile(paths.conf, JSON.stringify(conf));

  const result = { store_key: "k", data_version: 2, total_size: 3 };
  const code = await runArchiveProcess("download", paths, async (task) => {
    assert.deepEqual([task.name, task.config, task.folder, task.conf.secret], ["download", config, folder, "s"]);
    assert.equal(task.protocolData.folder, join(root, "blockjoy/.babel_jobs"));
    return result;
  });
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(await readFile(join(folder, "result.json"), "utf8")), result);

  // Another attempt would fail in the same way, and is not worth it.
  const absent = async (): Promise<never> => {
    throw notFound("archive-not-found", "there is no such archive");
  };
  assert.equal(await runArchiveProcess("download", paths, absent), 65);
  assert.equal(await readFile(join(folder, "failure"), "utf8"), "there is no such archive");
  const refused = new TransferFault("permanent", "invalid manifest: '../x' leads out of the data");
  assert.equal(await runArchiveProcess("download", paths, () => Promise.reject(refused)), 65);
  assert.equal(await runArchiveProcess("download", paths, () => Promise.reject(errorOfAll("both", [refused]))), 65);
  const mixed = errorOfAll("both", [refused, new TransferFault("transient", "reset")]);
  assert.equal(await runArchiveProcess("download", paths, () => Promise.reject(mixed)), 1);

  // What is wrong with the machine its operators hear of, and of nothing else.
  await mkdir(join(root, "blockjoy"));
  await mkdir(paths.runtime, { recursive: true });
  const store = { objects: new Map(), url: () => "" };
  const engine = await ArchiveEngine.start(store, paths.engineSocket);
  t.after(() => engine.close());
  const broken = Object.assign(new Error("EIO: i/o error, write"), { code: "EIO" });
  assert.equal(await runArchiveProcess("download", paths, () => Promise.reject(broken)), 1);
  const several = errorOfAll("Some client downloads failed:\n  - a: EIO", [refused, broken]);
  assert.equal(await runArchiveProcess("download", paths, () => Promise.reject(several)), 1);
  assert.equal(await runArchiveProcess("download", paths, () => Promise.reject(mixed)), 1);
  const df = execFileSync("df", ["--output=source", join(root, "blockjoy")], { encoding: "utf8" });
  const device = df.trim().split("\n").at(-1);
  assert.deepEqual(engine.errors, [
    `job 'download': EIO: i/o error, write (${device}, ${root}/blockjoy)`,
    `job 'download': Some client downloads failed:\n  - a: EIO (${device}, ${root}/blockjoy)`,
  ]);

  const failing = async (): Promise<never> => {
    throw new Error("no such archive", { cause: new Error("not found") });
  };
  assert.equal(await runArchiveProcess("download", paths, failing), 1);
  assert.equal(await readFile(join(folder, "failure"), "utf8"), "no such archive: not found");

  await writeFile(join(folder, "config.json"), "{");
  assert.equal(await runArchiveProcess("download", paths, absent), 65);
  assert.match(await readFile(join(folder, "failure"), "utf8"), /config\.json is not the config of a job/);
});
