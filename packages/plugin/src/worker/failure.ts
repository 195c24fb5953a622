import type { Diagnostic } from "@blockvisor/image";
import { DEFAULT_PARSE_OPTIONS, type Position, parseAll, RhaiError, Source } from "@blockvisor/rhai";
import { ConfigError } from "../lint/config-findings.ts";
import { fromScriptFinding } from "../lint/rule-codes.ts";
import type { PluginFiles } from "../plugin.ts";
import type { CallFrame, PluginErrorCode } from "../plugin-error.ts";
import { importedFile } from "./import-resolver.ts";
import { SCRIPT_LIMITS } from "./limits.ts";
import type { ScriptFailure } from "./protocol.ts";
import { ResultError } from "./results.ts";
import { MAIN_FILE } from "./script.ts";

const LIMIT_KINDS: ReadonlySet<string> = new Set([
  "ErrorTooManyOperations",
  "ErrorTooManyVariables",
  "ErrorTooManyModules",
  "ErrorStackOverflow",
  "ErrorDataTooLarge",
]);

/** What went wrong while `fn` ran, in the words of the reference: `Rhai function 'f' returned error: …` (spec plugin-api.md §1.6). */
export function callFailure(error: unknown, fn: string): ScriptFailure {
  if (error instanceof ConfigError)
    return { ...failure("PLUGIN_CONFIG", error.message), diagnostics: error.diagnostics };
  if (error instanceof ResultError)
    return failure("PLUGIN_RESULT", `Rhai function '${fn}' returned error: ${error.message}`);
  if (error instanceof RangeError && /call stack/i.test(error.message))
    return failure("PLUGIN_LIMIT", `Rhai function '${fn}' returned error: its result is nested too deeply`);
  if (!(error instanceof RhaiError))
    return failure(
      "PLUGIN_CRASH",
      `the plugin engine failed: ${error instanceof Error ? error.message : String(error)}`,
    );
  return {
    ...failure(codeOf(error), `Rhai function '${fn}' returned error: ${error.message}`),
    diagnostics: [errorDiagnostic(error, "NIB510")],
    frames: framesOf(error, fn),
  };
}

/** Files that do not compile, with every error in them; the first is what the reference reports. */
export function syntaxFailure(errors: readonly RhaiError[], files: PluginFiles): ScriptFailure {
  const [first] = errors;
  return {
    ...failure("PLUGIN_SYNTAX", `Rhai syntax error: ${first?.message ?? ""}`),
    diagnostics: errors.flatMap((error) => syntaxDiagnostics(error, files)),
  };
}

function syntaxDiagnostics(error: RhaiError, files: PluginFiles): Diagnostic[] {
  const text = files[error.source];
  if (text === undefined) return [errorDiagnostic(error, "NIB501")];
  const source = new Source(text, error.source);
  const found = parseAll(source, { ...DEFAULT_PARSE_OPTIONS, ...SCRIPT_LIMITS }).diagnostics;
  if (found.length === 0) return [errorDiagnostic(error, "NIB501")];
  return found.map((finding) => fromScriptFinding(finding, source, "NIB501"));
}

export function failure(code: PluginErrorCode, message: string): ScriptFailure {
  return { code, message, diagnostics: [], frames: [] };
}

function codeOf(error: RhaiError): PluginErrorCode {
  const { kind } = error.root;
  if (kind === "ErrorTerminated") return "PLUGIN_TIMEOUT";
  return LIMIT_KINDS.has(kind) ? "PLUGIN_LIMIT" : "PLUGIN_SCRIPT";
}

/** The finding at the place where the error started. */
function errorDiagnostic(error: RhaiError, code: string): Diagnostic {
  const { root } = error;
  const { start } = root;
  return {
    code,
    severity: "error",
    message: root.shownPosition === null ? root.text : root.unpositioned,
    file: start ? fileOf(start.source) : MAIN_FILE,
    ...(start && { range: { start: place(start.position), end: place(start.end) } }),
    ...(root.hint !== null && { help: root.hint }),
  };
}

function framesOf(error: RhaiError, fn: string): CallFrame[] {
  const calls = error.callChain.filter((call) => call.name !== null);
  const { start } = error.root;
  const places = [...(start ? [start] : []), ...calls];
  return places.map(({ source, position }, depth) => {
    const { line, column } = position ?? { line: 1, column: 1 };
    return { fn: calls[depth]?.name ?? fn, file: fileOf(source), line, column };
  });
}

/** The language names a module by the path it was imported with. */
export function fileOf(source: string): string {
  return source.endsWith(".rhai") ? source : (importedFile(source) ?? source);
}

function place({ line, column }: Position): { readonly line: number; readonly column: number } {
  return { line, column };
}
