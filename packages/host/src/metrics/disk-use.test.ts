import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { link, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { diskUse } from "./disk-use.ts";

const folder = await mkdtemp(join(tmpdir(), "bv-disk-use-"));
after(() => rm(folder, { recursive: true }));

const soon = (): number => Date.now() + 10_000;

test("counts what du counts: files and folders, hard links once, links not followed", async () => {
  const tree = join(folder, "tree");
  await mkdir(join(tree, "a/b/c"), { recursive: true });
  for (const name of ["one", "a/two", "a/b/c/three"]) await writeFile(join(tree, name), Buffer.alloc(100_000));
  await link(join(tree, "one"), join(tree, "a/again"));
  await symlink("/usr", join(tree, "a/out"));
  execFileSync("mkfifo", [join(tree, "fifo")]);
  const du = Number(execFileSync("du", ["-s", "-B1", tree], { encoding: "utf8" }).split("\t")[0]);
  const own = Number(execFileSync("stat", ["-c", "%b", tree], { encoding: "utf8" })) * 512;
  assert.deepEqual(await diskUse(tree, soon()), { bytes: du - own, complete: true });
});

test("a link in the place of the tree is not followed; what is not there takes nothing", async () => {
  await symlink("/usr", join(folder, "link"));
  assert.deepEqual(await diskUse(join(folder, "link"), soon()), { bytes: 0, complete: true });
  assert.deepEqual(await diskUse(join(folder, "missing"), soon()), { bytes: 0, complete: true });
});

test("ends in time, and says that there is more", async () => {
  const tree = join(folder, "many");
  await mkdir(tree);
  await writeFile(join(tree, "file"), "x");
  assert.deepEqual(await diskUse(tree, Date.now() - 1), { bytes: 0, complete: false });
});
