import { rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { run as command, repository } from "../command.ts";

/** Launcher → entry. Workers are entries too: a bundle finds them beside itself. */
const entries = {
  nib: "packages/cli/src/nib/main.ts",
  bv: "packages/cli/src/bv/main.ts",
  bvup: "packages/cli/src/bvup/main.ts",
  blockvisord: "packages/host/src/main.ts",
  "blockvisor-api": "packages/api/src/main.ts",
  rhai: "packages/rhai/src/cli/main.ts",
  "plugin-worker": "packages/plugin/src/worker/plugin-worker.ts",
} as const;

/** Packages with files of their own beside their code (WebAssembly, native addons) stay in node_modules. */
const external = ["@electric-sql/pglite", "@node-rs/argon2", "pg-native"];

export async function run(): Promise<void> {
  const started = performance.now();
  const bundles = join(repository, "dist/bundles");
  rmSync(bundles, { recursive: true, force: true });
  const result = await build({
    absWorkingDir: repository,
    entryPoints: { ...entries },
    outdir: bundles,
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
  await command(process.execPath, ["packages/babel/build-agent.ts", "dist/agent"]);
  console.log(
    `Built ${Object.keys(entries).length} bundles (${(bytes / 1e6).toFixed(1)} MB with maps) and the agent in ${((performance.now() - started) / 1e3).toFixed(1)} s`,
  );
}
