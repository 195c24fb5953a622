import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runArchiveProcess } from "./archive-process.ts";
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

  const failing = async (): Promise<never> => {
    throw new Error("no such archive", { cause: new Error("not found") });
  };
  assert.equal(await runArchiveProcess("download", paths, failing), 1);
  assert.equal(await readFile(join(folder, "failure"), "utf8"), "no such archive: not found");
});
