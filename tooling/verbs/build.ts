import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { run as command, repository } from "../command.ts";

/** Launcher → entry. */
const entries = {
  nib: "packages/cli/src/nib/main.ts",
  bv: "packages/cli/src/bv/main.ts",
  bvup: "packages/cli/src/bvup/main.ts",
  blockvisord: "packages/host/src/main.ts",
  "blockvisor-api": "packages/api/src/main.ts",
  rhai: "packages/rhai/src/cli/main.ts",
} as const;

/** Packages with files of their own beside their code (WebAssembly, native addons) stay in node_modules. */
const external = ["@electric-sql/pglite", "@node-rs/argon2", "pg-native"];

/** Programs that run load parts of theirs later; parts of earlier builds (their names tell their content) stay this long. */
const keepMs = 24 * 60 * 60 * 1000;

export async function run(): Promise<void> {
  const started = performance.now();
  const bundles = join(repository, "dist/bundles");
  const fresh = `${bundles}.${process.pid}`;
  const result = await build({
    absWorkingDir: repository,
    entryPoints: { ...entries },
    outdir: fresh,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    external,
    sourcemap: "linked",
    minifySyntax: true,
    legalComments: "none",
    metafile: true,
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
    logLevel: "warning",
  });
  const bytes = Object.values(result.metafile.outputs).reduce((sum, { bytes: size }) => sum + size, 0);
  replace(bundles, fresh);
  await command(process.execPath, ["packages/babel/build-agent.ts", "dist/agent"]);
  await command(process.execPath, ["packages/plugin/build-worker.ts", "dist/agent", "dist/plugin-worker"]);
  await command(process.execPath, ["packages/api/build-empty-store.ts", "dist/api"]);
  console.log(
    `Built ${Object.keys(entries).length} bundles (${(bytes / 1e6).toFixed(1)} MB with maps), the agent and the plugin worker in ${((performance.now() - started) / 1e3).toFixed(1)} s`,
  );
}

/** Moves new files in one by one, those that others load first: a launcher works at any moment. */
function replace(bundles: string, fresh: string): void {
  mkdirSync(bundles, { recursive: true });
  const isEntry = (name: string): boolean => Object.keys(entries).includes(name.replace(/\.js(\.map)?$/, ""));
  const built = readdirSync(fresh).sort((left, right) => Number(isEntry(left)) - Number(isEntry(right)));
  for (const name of built) renameSync(join(fresh, name), join(bundles, name));
  rmSync(fresh, { recursive: true });
  const now = Date.now();
  for (const name of readdirSync(bundles).filter((one) => !built.includes(one))) {
    if (now - statSync(join(bundles, name)).mtimeMs > keepMs) rmSync(join(bundles, name));
  }
}
