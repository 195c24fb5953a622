import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";

const directory = await mkdtemp(join(tmpdir(), "plugin-bundle-"));
after(() => rm(directory, { recursive: true }));

const USER = `
import { inspectPlugin } from "./index.js";
const { jobs } = await inspectPlugin({
  files: { "main.rhai": 'fn plugin_config() { #{ services: [#{ name: "s", run_sh: "x" }] } }' },
  image: { version: "1.0.0", protocol: "p", variant: "v" },
  params: {},
});
console.log(jobs.map((job) => job.name).join(" "));
`;

test("the worker is found beside a bundle, and a program that used it ends by itself", async () => {
  await build({
    entryPoints: {
      index: fileURLToPath(new URL("../index.ts", import.meta.url)),
      "plugin-worker": fileURLToPath(new URL("./plugin-worker.ts", import.meta.url)),
    },
    outdir: directory,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    logLevel: "silent",
    // A dependency that was written for require().
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
  await writeFile(join(directory, "user.mjs"), USER);
  await writeFile(join(directory, "package.json"), '{"type":"module"}');
  const { stdout } = await promisify(execFile)(process.execPath, [join(directory, "user.mjs")], {
    cwd: directory,
    timeout: 30_000,
  });
  assert.equal(stdout, "download s\n");
});
