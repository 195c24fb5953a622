import { createHash } from "node:crypto";
import type { Diagnostic } from "@blockvisor/image";
import { DEFAULT_PARSE_OPTIONS, parseAll, Source } from "@blockvisor/rhai";
import { fromScriptFinding } from "../lint/rule-codes.ts";
import type { PluginFiles } from "../plugin.ts";
import { SCRIPT_LIMITS } from "../worker/limits.ts";

/** The file of tests that is looked at, and what it can import: paths relative to the folder of tests. */
export interface TestFile {
  readonly name: string;
  readonly files: PluginFiles;
  /** Of the files, for the workers. */
  readonly digest: string;
  /** Functions without parameters whose names begin with `test_`, in the order of the file. */
  readonly tests: readonly { readonly fn: string; readonly line: number }[];
  readonly hasSetup: boolean;
  readonly hasVariants: boolean;
  /** Why it does not compile. */
  readonly syntax: readonly Diagnostic[];
}

const SUFFIX = ".test.rhai";

/** The test files of a folder, by name. `files`: every Rhai file in it. */
export function testFiles(files: PluginFiles): readonly TestFile[] {
  const names = Object.keys(files).filter((name) => name.endsWith(SUFFIX));
  const shared = Object.entries(files).filter(([name]) => !name.endsWith(SUFFIX));
  return names.sort().map((name) => {
    const own = Object.fromEntries([...shared, [name, files[name] ?? ""]]);
    return { name, files: own, digest: digestOf(name, own), ...functionsOf(name, own[name] ?? "") };
  });
}

function functionsOf(name: string, text: string): Pick<TestFile, "tests" | "hasSetup" | "hasVariants" | "syntax"> {
  const source = new Source(text, name);
  const { program, diagnostics } = parseAll(source, { ...DEFAULT_PARSE_OPTIONS, ...SCRIPT_LIMITS });
  const functions = program.body.flatMap((node) =>
    node.kind === "Function" && node.params.length === 0 ? [node] : [],
  );
  const has = (fn: string): boolean => functions.some((node) => node.name === fn);
  const tests = functions.filter((node) => node.name.startsWith("test_"));
  return {
    tests: tests.map((node) => ({ fn: node.name, line: source.position(node.nameStart).line })),
    hasSetup: has("setup"),
    hasVariants: has("variants"),
    syntax: diagnostics.map((finding) => fromScriptFinding(finding, source, "NIB501")),
  };
}

function digestOf(name: string, files: PluginFiles): string {
  const hash = createHash("sha256").update(JSON.stringify(["test", name]));
  for (const key of Object.keys(files).sort()) hash.update(JSON.stringify([key, files[key]]));
  return hash.digest("hex");
}
