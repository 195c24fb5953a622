import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const made = ["arp one", "bridge one", "inet one", "inet another_one", "ip one", "ip6 one", "netdev one"];

/** What is found in a network of its own, where nobody else changes anything. */
function found(path: string): string[] {
  const source = `
    import { execFileSync } from "node:child_process";
    import { presentTables } from ${JSON.stringify(join(import.meta.dirname, "nft-tables.ts"))};
    const input = ${JSON.stringify(made.map((table) => `add table ${table}\n`).join(""))};
    const before = (await presentTables()).size;
    execFileSync("nft", ["-f", "-"], { input });
    console.log(JSON.stringify([String(before), ...(await presentTables())]));`;
  const argv = ["--net", process.execPath, "--input-type=module", "-e", source];
  return JSON.parse(execFileSync("/usr/bin/unshare", argv, { encoding: "utf8", env: { ...process.env, PATH: path } }));
}

test("tables of every family are named as nft names them, with perl and without", () => {
  const expected = ["0", ...made].toSorted();
  assert.deepEqual(found(process.env["PATH"] ?? "").toSorted(), expected);
  const bin = mkdtempSync(join(tmpdir(), "bv-no-perl-"));
  try {
    symlinkSync(execFileSync("sh", ["-c", "command -v nft"], { encoding: "utf8" }).trim(), join(bin, "nft"));
    assert.deepEqual(found(bin).toSorted(), expected);
  } finally {
    rmSync(bin, { recursive: true });
  }
});
