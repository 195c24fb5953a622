import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, type TestContext, test } from "node:test";
import type { NodePaths } from "../place/paths.ts";
import { checkPlace, dataBelow, requireData } from "./data-place.ts";
import type { NodeState } from "./node-state.ts";

let root: string;
let disk: string;
let data: string;

beforeEach(async (t) => {
  root = await mkdtemp(join(tmpdir(), "bv-data-"));
  (t as TestContext).after(() => rm(root, { recursive: true }));
  await chmod(root, 0o755);
  [disk, data] = [join(root, "disk"), join(root, "data")];
  for (const folder of [disk, join(root, "nodes/other/data/x")]) await mkdir(folder, { recursive: true });
});

const paths = () => ({ id: "me", directory: join(root, "nodes/me"), data }) as NodePaths;

const found = () => requireData(paths(), { id: "me", data_directory: disk, space: { kind: "shared" } } as NodeState);

/** Whether somebody without rights runs what is there. */
const runs = (program: string): boolean => spawnSync(program, { uid: 65_534, gid: 65_534 }).status === 0;

/** As an earlier version left it. */
async function openData(): Promise<void> {
  const program = join(disk, "me/suid");
  await mkdir(dirname(program));
  await writeFile(program, "#!/bin/sh\n");
  await chmod(program, 0o4755);
  // Whose the volume itself is, is for the image to say.
  await chown(join(disk, "me"), 65_534, 65_534);
  assert.ok(runs(program));
}

for (const cut of [false, true]) {
  test(`data that others could get to are brought where they cannot${cut ? ", also when that was cut" : ""}`, async () => {
    const place = dataBelow(disk, "me");
    await openData();
    await symlink(cut ? place : join(disk, "me"), data);
    assert.equal(await found(), place);
    assert.deepEqual([await readlink(data), await readFile(join(data, "suid"), "utf8")], [place, "#!/bin/sh\n"]);
    assert.equal(runs(join(place, "suid")), false);
    assert.deepEqual(await readdir(disk), ["blockvisor-data"]);
    assert.equal(await found(), place);
  });
}

test("a place that root does not have alone is not worked on, nor is one that is not there", async () => {
  const closed = dirname(dataBelow(disk, "me"));
  await mkdir(closed, { mode: 0o755 });
  const message = `${closed} is not a folder that only root may enter`;
  await assert.rejects(checkPlace(disk, paths()), { code: "invalid", message });
  await assert.rejects(found(), { code: "invalid", message });
  await chmod(closed, 0o700);
  await checkPlace(disk, paths());
  await found();
  // Root of a container writes there, as root of the machine.
  const other = dataBelow(disk, randomUUID());
  await mkdir(other);
  for (const ofNodes of [join(root, "nodes/other/data/x"), other])
    await assert.rejects(checkPlace(ofNodes, paths()), {
      code: "invalid",
      message: `${ofNodes} belongs to nodes: somebody else could put other data in its place`,
    });
  await chown(disk, 65_534, 0);
  for (const look of [() => checkPlace(disk, paths()), found])
    await assert.rejects(look, { code: "invalid", message: /disk does not belong to root: / });
  await rm(disk, { recursive: true });
  await assert.rejects(found(), { code: "failed", message: `the node's data are not there: ${dataBelow(disk, "me")}` });
});
