import { type Diagnostic, renderDiagnostics } from "@blockvisor/image";

/**
 * Why a plugin call failed.
 * - `PLUGIN_SYNTAX`: a file does not compile; `PLUGIN_SCRIPT`: the script threw or met a language error;
 * - `PLUGIN_TIMEOUT`: deadline passed; `PLUGIN_ABORTED`: the caller gave up; `PLUGIN_LIMIT`: operations, memory, depth;
 * - `PLUGIN_METHOD`: no callable function of that name; `PLUGIN_RESULT`: a result of the wrong type;
 * - `PLUGIN_CONFIG`: `plugin_config()` is missing, malformed or invalid; `PLUGIN_ENGINE`: the host failed a step of default init / upload;
 * - `PLUGIN_CRASH`: the worker died.
 */
export type PluginErrorCode =
  | "PLUGIN_SYNTAX"
  | "PLUGIN_SCRIPT"
  | "PLUGIN_TIMEOUT"
  | "PLUGIN_ABORTED"
  | "PLUGIN_LIMIT"
  | "PLUGIN_METHOD"
  | "PLUGIN_RESULT"
  | "PLUGIN_CONFIG"
  | "PLUGIN_ENGINE"
  | "PLUGIN_CRASH";

/** One frame of a script's call stack, innermost first. `line` and `column` count from 1. */
export interface CallFrame {
  readonly fn: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export class PluginError extends Error {
  override readonly name = "PluginError";
  readonly code: PluginErrorCode;
  /** All findings, where there can be more than one (syntax, config). */
  readonly diagnostics: readonly Diagnostic[];
  readonly frames: readonly CallFrame[];
  /** The findings as people read them, each with its place and a code frame; empty when there are none. */
  readonly excerpt: string;

  constructor(
    code: PluginErrorCode,
    message: string,
    details: {
      readonly diagnostics?: readonly Diagnostic[];
      readonly frames?: readonly CallFrame[];
      /** File → text, for the code frames. */
      readonly sources?: Readonly<Record<string, string>>;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.diagnostics = details.diagnostics ?? [];
    this.frames = details.frames ?? [];
    this.excerpt = renderDiagnostics(this.diagnostics, { sources: details.sources ?? {} });
  }
}
