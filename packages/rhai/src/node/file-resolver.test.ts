import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { FileModuleResolver } from "./file-resolver.ts";

const folder = mkdtempSync(join(tmpdir(), "rhai-resolver-"));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, "plugin/sub"), { recursive: true });
writeFileSync(join(folder, "plugin/aux.rhai"), "1");
writeFileSync(join(folder, "plugin/sub/deep.rhai"), "#!/usr/bin/env rhai\n2");
writeFileSync(join(folder, "secret.rhai"), "3");
symlinkSync(join(folder, "secret.rhai"), join(folder, "plugin/link.rhai"));

const importer = { id: join(folder, "plugin/main.rhai") };
const aux = { id: join(folder, "plugin/aux.rhai"), text: "1" };

test("any extension stands for .rhai, paths start at the importing script", () => {
  const resolver = new FileModuleResolver();
  for (const path of ["aux", "aux.rhai", "aux.txt", "./sub/../aux", aux.id]) {
    assert.deepEqual(resolver.resolve(path, importer), aux);
  }
  assert.deepEqual(resolver.resolve("../aux", { id: join(folder, "plugin/sub/deep.rhai") }), aux);
});

test("a first line for the shell is dropped, its line break is kept", () => {
  assert.equal(new FileModuleResolver().resolve("sub/deep", importer)?.text, "\n2");
});

test("with a base, paths start there", () => {
  const resolver = new FileModuleResolver({ base: join(folder, "plugin/sub") });
  assert.equal(resolver.resolve("deep", importer)?.id, join(folder, "plugin/sub/deep.rhai"));
  assert.equal(resolver.resolve("aux", importer), null);
});

test("what is no file is no module", () => {
  const resolver = new FileModuleResolver();
  for (const path of ["gone", "gone/aux", "aux.rhai/x", "sub", "a\0b", `${"x".repeat(300)}`]) {
    assert.equal(resolver.resolve(path, importer), null);
  }
});

test("nothing leaves the folder it is kept within", () => {
  const resolver = new FileModuleResolver({ within: join(folder, "plugin") });
  assert.deepEqual(resolver.resolve("aux", importer), aux);
  for (const path of ["../secret", join(folder, "secret"), "link"])
    assert.equal(resolver.resolve(path, importer), null);
  assert.equal(new FileModuleResolver().resolve("link", importer)?.text, "3");
});

test("a file that is too large is an error, not a module", () => {
  const resolver = new FileModuleResolver({ maxBytes: 0 });
  assert.throws(() => resolver.resolve("aux", importer), { message: `${aux.id} is larger than 0 bytes` });
});
