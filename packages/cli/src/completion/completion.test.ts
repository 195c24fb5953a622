import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runCli, TemporaryDirectory } from "../testing/cli-process.ts";

/** Completes a command line in a real bash, the way its completion does. */
function completeInBash(directory: string, line: string): readonly string[] {
  const words = line.split(" ");
  const script = `
    source <(nib completions bash)
    COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}) COMP_CWORD=${words.length - 1}
    compopt() { echo "compopt $*"; }
    _nib_complete
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const env = { ...process.env, PATH: `${directory}:${process.env["PATH"]}` };
  const { stdout, stderr } = spawnSync("bash", ["-c", script], { encoding: "utf8", env, cwd: directory });
  assert.equal(stderr, "");
  return stdout.trim().split("\n");
}

test("bash completes verbs, options, choices, files and variants", async () => {
  using directory = new TemporaryDirectory();
  const main = join(import.meta.dirname, "../nib/main.ts");
  writeFileSync(join(directory.path, "nib"), `#!/bin/sh\nexec ${process.execPath} ${main} "$@"\n`);
  chmodSync(join(directory.path, "nib"), 0o755);
  await runCli("nib", ["image", "create", "acme", "acmed-mainnet-full", "--dir", directory.path]);
  const complete = (line: string) => completeInBash(directory.path, line);
  assert.deepEqual(complete("nib image c"), ["create", "check", "container-uri"]);
  assert.deepEqual(complete("nib image build --b"), ["--builder", "--build-arg"]);
  assert.deepEqual(complete("nib image build --builder p"), ["podman"]);
  assert.deepEqual(complete("nib image play --variant "), ["acmed-mainnet-full"]);
  assert.deepEqual(complete("nib image play --path "), ["compopt -o default"]);
  assert.deepEqual(complete("nib completions "), ["bash", "zsh", "fish"]);
});

test("the scripts of all shells are printed for both programs", async () => {
  for (const program of ["nib", "bv"] as const) {
    for (const shell of ["bash", "zsh", "fish"]) {
      const { status, stdout } = await runCli(program, ["completions", shell]);
      assert.equal(status, 0);
      assert.match(stdout, new RegExp(`^#.*${program}`));
      assert.doesNotMatch(stdout, /PROGRAM/);
    }
  }
});
