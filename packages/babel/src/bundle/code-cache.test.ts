import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { modulesLoadedBy, trimCodeCache } from "./code-cache.ts";

const folder = mkdtempSync(join(tmpdir(), "babel-code-cache-"));
after(() => rmSync(folder, { recursive: true }));

/** What a process says that starts from the snapshot: two modules that are loaded only then do their work. */
function saidBy(snapshot: Buffer): string {
  const blob = join(folder, "run.blob");
  writeFileSync(blob, snapshot);
  return execFileSync(process.execPath, ["--snapshot-blob", blob, "x"], { encoding: "utf8" });
}

function makeSnapshot(): Buffer {
  const [script, blob] = [join(folder, "main.cjs"), join(folder, "made.blob")];
  writeFileSync(
    script,
    `require("node:v8").startupSnapshot.setDeserializeMainFunction(() => {
      const { isIP } = require("node:net");
      const { createHash } = require("node:crypto");
      console.log(isIP("::1"), createHash("sha256").update("").digest("hex").slice(0, 8));
    });`,
  );
  execFileSync(process.execPath, ["--snapshot-blob", blob, "--build-snapshot", script], { stdio: "ignore" });
  return readFileSync(blob);
}

test("a snapshot works with the compiled form of few of Node's modules, or of none; it is so much smaller", async () => {
  const whole = makeSnapshot();
  const needed = await modulesLoadedBy(process.execPath, ["net", "crypto"], join(folder, "modules.cjs"));
  assert.ok(needed.has("net") && needed.has("internal/crypto/hash") && !needed.has("fs"));
  const few = trimCodeCache(whole, (module) => needed.has(module));
  const none = trimCodeCache(whole, () => false);
  assert.ok(none.length < few.length && few.length < whole.length - 2_000_000);
  for (const snapshot of [whole, few, none]) assert.equal(saidBy(snapshot), "6 e3b0c442\n");
  assert.deepEqual(
    trimCodeCache(whole, () => true),
    whole,
  );
  assert.deepEqual(
    trimCodeCache(few, () => false),
    none,
  );
});

test("what does not end like a snapshot is left as it is", () => {
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(100), Buffer.from("no snapshot, but longer than a word")]) {
    assert.equal(
      trimCodeCache(bytes, () => false),
      bytes,
    );
  }
});
