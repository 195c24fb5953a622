import type { Diagnostic } from "@blockvisor/image";
import { type Ast, checkScript } from "@blockvisor/rhai";
import { importedFile } from "../worker/import-resolver.ts";
import type { LintInput } from "../worker/protocol.ts";
import { MAIN_FILE, type Script } from "../worker/script.ts";
import { reachableFunctions } from "./entry-points.ts";
import { habitFindings } from "./habits.ts";
import { hostFunctions } from "./host-functions.ts";
import { propertyFindings } from "./properties.ts";
import { resultTypeFindings } from "./result-type.ts";
import { fromScriptFinding } from "./rule-codes.ts";
import { shellWordFindings } from "./shell-words.ts";
import { statusFindings } from "./status.ts";
import { variantFindings } from "./variants.ts";

/** Opinions on style that say nothing about whether a plugin works. */
const NOT_OURS = ["unused-function", "shadowed-variable"] as const;

/** Everything that is certain without running the plugin. */
export function lintScript(script: Script, { properties, variant, variants }: LintInput): Diagnostic[] {
  const findings = [...script.asts].flatMap(([file, ast]) => languageFindings(script, file, ast));
  return [
    ...findings,
    ...propertyFindings(script.asts.values(), properties),
    ...[...script.asts.values()].flatMap(shellWordFindings),
    ...statusFindings(script.main),
    ...resultTypeFindings(script.main),
    ...[...script.asts.values()].flatMap(habitFindings),
    ...variantFindings(script.main, variant, variants),
    ...formerStyle(script),
  ];
}

function languageFindings(script: Script, file: string, ast: Ast): Diagnostic[] {
  const found = checkScript(ast, {
    functions: file === MAIN_FILE ? hostFunctions() : withFunctionsOf(script.main, hostFunctions()),
    modules(path) {
      const name = importedFile(path);
      const program = name === undefined ? undefined : script.asts.get(name)?.program;
      return name === undefined || !program ? null : { name, program };
    },
    off: NOT_OURS,
  });
  if (file !== MAIN_FILE) return found.map((finding) => fromScriptFinding(finding, ast.source));
  const reachable = reachableFunctions(ast);
  const helpers = ast.functions.filter((fn) => !reachable.has(fn.node));
  return found.map((finding) => {
    // A helper that nothing calls cannot break a node: its faults are told, but do not fail a check.
    const helper = helpers.some(({ node }) => finding.start >= node.start && finding.end <= node.end);
    return fromScriptFinding(
      helper && finding.severity === "error" ? { ...finding, severity: "warning" } : finding,
      ast.source,
    );
  });
}

/** A function of a module can call those of the main script by their bare names (spec plugin-api.md §1.4). */
function withFunctionsOf(
  main: Ast,
  functions: Readonly<Record<string, readonly number[]>>,
): Record<string, readonly number[]> {
  const all: Record<string, readonly number[]> = { ...functions };
  for (const { name, params } of main.functions) all[name] = [...(all[name] ?? []), params.length];
  return all;
}

function formerStyle(script: Script): Diagnostic[] {
  if (script.has("plugin_config", 0)) return [];
  const severity = script.functions.some((fn) => fn.name === "init") ? "warning" : "error";
  return [
    {
      code: "NIB516",
      severity,
      message: "Deprecated API used: missing plugin_config function",
      file: MAIN_FILE,
      help: "define plugin_config(); it also brings init and upload",
    },
  ];
}
