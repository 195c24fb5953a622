import assert from "node:assert/strict";
import { lstat, mkdtemp, readdir, readFile, rm, stat, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { giveAuthorities } from "./node-authorities.ts";

test("a node's babel finds the authorities that its host trusts, as long as it does", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "node-authorities-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const [run, file] = [folder, join(folder, "private.crt")];
  const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
  await writeFile(file, pem);
  await giveAuthorities(run, file);
  assert.equal(await readFile(join(run, "ca.pem"), "utf8"), pem);
  const { ino } = await stat(join(run, "ca.pem"));
  await giveAuthorities(run, file);
  assert.equal((await stat(join(run, "ca.pem"))).ino, ino, "as it was");
  // Of a container that would have the host's file changed, or its own taken for it.
  await unlink(join(run, "ca.pem"));
  await symlink(file, join(run, "ca.pem"));
  await giveAuthorities(run, file);
  assert.equal((await lstat(join(run, "ca.pem"))).isFile(), true);
  for (const content of ["no certificate", `${pem}${"x".repeat(1024 * 1024)}`]) {
    await writeFile(file, content);
    await assert.rejects(giveAuthorities(run, file), { code: "config_error", message: `${file} has no certificates` });
  }
  await assert.rejects(giveAuthorities(run, join(folder, "gone")), { code: "config_error", message: /^cannot read / });
  await giveAuthorities(run, undefined);
  await giveAuthorities(run, undefined);
  assert.deepEqual(await readdir(run), ["private.crt"]);
});
