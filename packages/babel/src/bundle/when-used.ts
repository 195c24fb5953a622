import { createRequire } from "node:module";
import type { Plugin } from "esbuild";

const requireHere = createRequire(import.meta.url);

/** Replaces modules of Node, without `node:`, by ones that load them when one of their members is used. */
export const whenUsed = (modules: ReadonlySet<string>): Plugin => ({
  name: "when-used",
  setup(bundler) {
    bundler.onResolve({ filter: /^(node:)?[a-z0-9_]+(\/[a-z]+)?$/ }, ({ path, namespace }) => {
      const name = path.replace(/^node:/, "");
      return namespace !== "when-used" && modules.has(name) ? { path: name, namespace: "when-used" } : undefined;
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
});
