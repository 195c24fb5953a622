/** Imports only point down: package → the packages it may use (docs/architecture.md). */
const allowed = {
  rhai: [],
  wire: [],
  image: [],
  plugin: ["rhai", "image"],
  babel: ["wire"],
  host: ["wire", "image", "plugin"],
  api: ["wire", "image"],
  cli: ["wire", "image", "plugin", "rhai"],
};

module.exports = {
  forbidden: [
    ...Object.entries(allowed).map(([name, uses]) => ({
      name: `${name}-imports-${uses.length ? uses.join("-") : "nothing"}`,
      severity: "error",
      from: { path: `^packages/${name}/` },
      to: { path: "^packages/", pathNot: [`^packages/${name}/`, ...uses.map((used) => `^packages/${used}/`)] },
    })),
    {
      name: "no-cycles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "product-does-not-import-tests",
      severity: "error",
      from: { pathNot: "\\.test\\.ts$" },
      to: { path: "\\.test\\.ts$" },
    },
    { name: "no-unresolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "/gen/|/dist/" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default"],
      extensions: [".ts", ".js", ".json"],
    },
  },
};
