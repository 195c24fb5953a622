import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { commandIn, findBuiltWorker } from "../worker/worker-command.ts";
import { buildWorker } from "./build-worker.ts";

const agents = fileURLToPath(new URL("../../../../dist/agent", import.meta.url));
const home = await mkdtemp(join(tmpdir(), "plugin-bundle-"));
const workers = join(home, "plugin-worker");
let runtime: string;

before(async () => {
  const { version } = JSON.parse(await readFile(join(agents, "agent.json"), "utf8"));
  runtime = join(agents, version);
  await buildWorker(runtime, workers);
});
after(() => rm(home, { recursive: true }));

const USER = `
import { inspectPlugin } from "./index.js";
const { jobs } = await inspectPlugin({
  files: { "main.rhai": 'fn plugin_config() { #{ services: [#{ name: "s", run_sh: "x" }] } }' },
  image: { version: "1.0.0", protocol: "p", variant: "v" },
  params: {},
});
console.log(jobs.map((job) => job.name).join(" "));
`;

test("the built worker is found beside the bundles, and a program that used it ends by itself", async () => {
  const bundles = join(home, "bundles");
  await build({
    entryPoints: { index: fileURLToPath(new URL("../index.ts", import.meta.url)) },
    outdir: bundles,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    logLevel: "silent",
    // A dependency that was written for require().
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
  await writeFile(join(bundles, "user.mjs"), USER);
  await writeFile(join(bundles, "package.json"), '{"type":"module"}');
  const { stdout } = await promisify(execFile)(process.execPath, [join(bundles, "user.mjs")], { timeout: 30_000 });
  assert.equal(stdout, "download s\n");
});

test("a worker has all it needs in its folder, ends when nobody speaks to it, and building the same again changes nothing", async () => {
  const built = findBuiltWorker(workers);
  assert.ok(built);
  const libraries = (await readdir(join(runtime, "lib"))).map((name) => `lib/${name}`);
  const files = (await readdir(built.directory, { recursive: true })).sort();
  assert.deepEqual(files, ["ld.so", "lib", ...libraries, "node", "worker.blob", "worker.json"].sort());
  const [program, ...args] = commandIn(built, built.directory);
  assert.deepEqual(
    args.filter((word) => word.startsWith("--permission")),
    ["--permission"],
  );
  const running = promisify(execFile)(program, args, { env: {}, timeout: 30_000 });
  running.child.stdin?.end();
  assert.deepEqual(await running, { stdout: "", stderr: "" });

  await buildWorker(runtime, workers);
  assert.deepEqual(findBuiltWorker(workers), built);
  assert.deepEqual((await readdir(workers)).sort(), [built.directory.slice(workers.length + 1), "worker.json"].sort());
});
