import assert from "node:assert/strict";
import { chmod, chown, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { requireOwnPlace } from "./own-place.ts";

test("root works only where nobody else can put other data in the place of a node's", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "bv-place-"));
  t.after(() => rm(root, { recursive: true }));
  const data = join(root, "disk/node");
  await mkdir(data, { recursive: true });
  await requireOwnPlace(data);
  const refuses = (path: string, message: string) =>
    assert.rejects(requireOwnPlace(path), {
      code: "invalid",
      message: `${message}: somebody else could put other data in its place`,
    });
  await symlink("/etc", join(root, "link"));
  await refuses(join(root, "link"), `${root}/link is not a directory`);
  await refuses(join(data, "gone"), `${data}/gone is not there`);
  await chmod(join(root, "disk"), 0o777);
  await refuses(data, `${root}/disk is writable by others`);
  await chmod(join(root, "disk"), 0o1777);
  await requireOwnPlace(data);
  await chown(join(root, "disk"), 65_534, 0);
  await refuses(data, `${root}/disk does not belong to root`);
});
