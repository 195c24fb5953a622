import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build, type Plugin } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const requireHere = createRequire(import.meta.url);

/** Parts of Node with objects that a snapshot cannot hold. They are loaded when they are first used, which takes them no time: they are in the binary. */
const heldBack = new Set([
  "child_process",
  "crypto",
  "dgram",
  "dns",
  "dns/promises",
  "http",
  "http2",
  "https",
  "net",
  "tls",
  "worker_threads",
  "zlib",
]);

/**
 * Writes the snapshot of babel's serving half, made by the Node and with the options that it will run with. The snapshot holds bytecode, no
 * machine code, so it runs on every processor of its architecture. Resolves with a digest of what it was made from: two snapshots of the
 * same differ in places.
 */
export async function buildSnapshot(node: string, options: readonly string[], target: string): Promise<string> {
  const script = `${target}.cjs`;
  await build({
    entryPoints: [join(here, "../snapshot.ts")],
    outfile: script,
    bundle: true,
    minify: true,
    format: "cjs",
    platform: "node",
    target: "node24",
    logLevel: "error",
    plugins: [whenUsed],
    inject: [join(here, "headers.ts")],
    define: {
      // Set at the start to where the bundle is then.
      "import.meta.url": "babelUrl",
    },
  });
  try {
    await promisify(execFile)(node, [...options, "--snapshot-blob", target, "--build-snapshot", script], {
      env: {},
      cwd: dirname(target),
    });
    return createHash("sha256")
      .update(JSON.stringify(options))
      .update(await readFile(script))
      .digest("hex");
  } finally {
    await rm(script, { force: true });
  }
}

/** Replaces the modules that are held back by ones whose members load them. */
const whenUsed: Plugin = {
  name: "when-used",
  setup(bundler) {
    bundler.onResolve({ filter: /^(node:)?[a-z0-9_]+(\/[a-z]+)?$/ }, ({ path, namespace }) => {
      const name = path.replace(/^node:/, "");
      return namespace !== "when-used" && heldBack.has(name) ? { path: name, namespace: "when-used" } : undefined;
    });
    bundler.onLoad({ filter: /.*/, namespace: "when-used" }, ({ path }) => {
      const names = Object.keys(requireHere(`node:${path}`) as object).filter((name) => name !== "default");
      return {
        loader: "js",
        contents: `
          let real;
          const load = () => (real ??= require("node:${path}"));
          for (const name of ${JSON.stringify(names)})
            Object.defineProperty(exports, name, { get: () => load()[name], enumerable: true });
          Object.defineProperty(exports, "default", { get: load });`,
      };
    });
  },
};
