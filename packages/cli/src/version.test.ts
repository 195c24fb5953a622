import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runCli } from "./testing/cli-process.ts";

const manifest: { version: string } = JSON.parse(readFileSync(join(import.meta.dirname, "../package.json"), "utf8"));

for (const program of ["nib", "bv", "bvup"] as const) {
  test(`${program} --version tells the suite's version`, async () => {
    const expected = { status: 0, stdout: `${program} ${manifest.version}\n`, stderr: "" };
    assert.deepEqual(await runCli(program, ["--version"]), expected);
    assert.deepEqual(await runCli(program, ["-V"]), expected);
  });
}
