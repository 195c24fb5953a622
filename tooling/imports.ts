import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { parseSync } from "oxc-parser";
import { repository } from "./command.ts";

/** Imports, types included, only point down: package → the packages it may use (docs/architecture.md). */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  rhai: [],
  wire: [],
  // wire: messages for its tests.
  rpc: ["wire"],
  image: [],
  jobs: [],
  plugin: ["rhai", "image", "jobs"],
  babel: ["wire", "image", "jobs"],
  host: ["wire", "rpc", "image", "plugin"],
  api: ["wire", "rpc", "image"],
  cli: ["wire", "image", "plugin", "rhai"],
};

interface Import {
  readonly specifier: string;
  readonly line: number;
  /** Needed as soon as the importing module runs: neither a type nor an import on demand. */
  readonly atOnce: boolean;
}

/** Every import that breaks a rule, as `file:line: what`: directions between packages, missing files, tests in the product, cycles of folders. */
export function importFaults(): string[] {
  const faults: string[] = [];
  const graph = new Map<string, string[]>();
  for (const file of globSync("{packages/*/src,packages/*,tooling,e2e,bench}/**/*.ts", { cwd: repository })) {
    if (file.includes("/gen/") || file.includes("node_modules/") || file.includes("/dist/") || graph.has(file))
      continue;
    const edges: string[] = [];
    graph.set(file, edges);
    for (const { specifier, line, atOnce } of importsOf(file)) {
      const fault = faultOf(file, specifier);
      if (fault) faults.push(`${file}:${line}: ${fault}`);
      if (atOnce && specifier.startsWith("."))
        edges.push(relative(repository, join(repository, dirname(file), specifier)));
    }
  }
  return [...faults, ...cycles(graph)];
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(repository, file), "utf8");
  const { module } = parseSync(file, text);
  const lineAt = (offset: number) => text.slice(0, offset).split("\n").length;
  const statics = module.staticImports.map((found) => ({
    specifier: found.moduleRequest.value,
    line: lineAt(found.start),
    atOnce: found.entries.length === 0 || found.entries.some((entry) => !entry.isType),
  }));
  const reexports = module.staticExports.flatMap((found) => {
    const entry = found.entries.find((candidate) => candidate.moduleRequest);
    if (!entry?.moduleRequest) return [];
    const atOnce = found.entries.some((candidate) => !candidate.isType);
    return [{ specifier: entry.moduleRequest.value, line: lineAt(found.start), atOnce }];
  });
  const dynamics = module.dynamicImports.flatMap((found) => {
    const quoted = /^["'](.*)["']$/.exec(text.slice(found.moduleRequest.start, found.moduleRequest.end));
    return quoted?.[1] ? [{ specifier: quoted[1], line: lineAt(found.start), atOnce: false }] : [];
  });
  return [...statics, ...reexports, ...dynamics];
}

function faultOf(file: string, specifier: string): string | undefined {
  const inTest = file.endsWith(".test.ts");
  if (specifier.endsWith(".test.ts") && !inTest) return `the product imports a test, ${specifier}`;
  if (specifier.startsWith(".")) {
    const target = relative(repository, join(repository, dirname(file), specifier));
    if (!existsSync(join(repository, target))) return `${specifier} does not exist`;
    const [from, to] = [packageOf(file), packageOf(target)];
    return to !== undefined && from !== to && from !== undefined ? `import @blockvisor/${to} by its name` : undefined;
  }
  const used = /^@blockvisor\/(\w+)/.exec(specifier)?.[1];
  const user = packageOf(file);
  if (used === undefined || user === undefined || used === user) return undefined;
  if (mayImport[user]?.includes(used)) return undefined;
  return `${user} may import ${mayImport[user]?.join(", ") || "no other package"}, not ${used}`;
}

function packageOf(file: string): string | undefined {
  return /^packages\/(\w+)\//.exec(file)?.[1];
}

/**
 * Modules of different folders that need one another to run, as a path. Within a folder they may: a compiler's statements hold expressions,
 * and those hold statements.
 */
function cycles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const state = new Map<string, "open" | "done">();
  const path: string[] = [];
  const visit = (file: string): void => {
    if (state.get(file) === "done") return;
    if (state.get(file) === "open") {
      const cycle = path.slice(path.indexOf(file));
      if (new Set(cycle.map(dirname)).size > 1) found.push(`${file}: cycle: ${[...cycle, file].join(" → ")}`);
      return;
    }
    state.set(file, "open");
    path.push(file);
    for (const next of graph.get(file) ?? []) visit(next);
    path.pop();
    state.set(file, "done");
  };
  for (const file of graph.keys()) visit(file);
  return found;
}
