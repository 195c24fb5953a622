import assert from "node:assert/strict";
import { chmod, chown, lchown, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
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
  await writeFile(join(root, "file"), "");
  await refuses(join(root, "file"), `${root}/file is not a directory`);
  await symlink("disk/node", join(root, "link"));
  assert.equal(await requireOwnPlace(join(root, "link")), data);
  await lchown(join(root, "link"), 65_534, 0);
  await refuses(join(root, "link"), `${root}/link does not belong to root`);
  await refuses("/proc/1/root/usr", "/proc/1/root/usr is in /proc");
  await symlink("loop", join(root, "loop"));
  await refuses(join(root, "loop"), `${root}/loop is a link`);
  await refuses(join(data, "gone"), `${data}/gone is not there`);
  await chmod(join(root, "disk"), 0o777);
  await refuses(data, `${root}/disk is writable by others`);
  await chmod(join(root, "disk"), 0o1777);
  await requireOwnPlace(data);
  await symlink("/", join(root, "disk/link"));
  await refuses(join(root, "disk/link"), `${root}/disk/link is a link`);
  await chown(join(root, "disk"), 65_534, 0);
  await refuses(data, `${root}/disk does not belong to root`);
  // The way that a root's link leads is looked at, too.
  await symlink("disk/node", join(root, "way"));
  await refuses(join(root, "way"), `${root}/disk does not belong to root`);
});
