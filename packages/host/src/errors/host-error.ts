import { isOperationError } from "@blockvisor/image/container";
import { PluginError } from "@blockvisor/plugin";
import { AgentError } from "../agent/agent-error.ts";

/** Stable codes of everything the daemon can refuse or fail at; `host.proto` ErrorDetail.code. */
export type HostErrorCode =
  | "not_found"
  | "ambiguous"
  | "conflict"
  | "invalid"
  | "busy"
  | "gate"
  | "unsupported"
  | "unavailable"
  | "timeout"
  | "cancelled"
  | "failed"
  | "internal"
  | "no_resources"
  | "broken_node"
  | "plugin_error"
  | "blocking_job"
  | "image_error"
  | "runtime_error"
  | "upgrade_rolled_back"
  | "upgrade_failed"
  | "config_error"
  | "api_unreachable";

export interface HostErrorOptions {
  /** What to do next. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** With `ambiguous`. */
  readonly candidates?: readonly string[];
  /** Where in which file, with code frames. */
  readonly excerpt?: string;
  /** With `blocking_job`: seconds after which trying again makes sense. */
  readonly retryAfterSeconds?: number;
}

/** An error made for people: what happened, under a stable code, and what to do next. Never carries secrets. */
export class HostError extends Error {
  override readonly name = "HostError";
  readonly code: HostErrorCode;
  readonly hint: string;
  readonly candidates: readonly string[];
  readonly excerpt: string;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: HostErrorCode, message: string, options: HostErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? "";
    this.candidates = options.candidates ?? [];
    this.excerpt = options.excerpt ?? "";
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

export interface ErrorReport {
  /** Lower snake case: a HostErrorCode, or the code of the part of the host that failed (image, runtime, network, plugin). */
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** Where in which file, with code frames. */
  readonly excerpt?: string;
  /** With `blocking_job`. */
  readonly retryAfterSeconds?: number;
}

/** Any thrown value as code, message and hint. Errors of other parts keep the stable code and the fix they carry. */
export function reportOf(error: unknown, fallback: HostErrorCode = "internal"): ErrorReport {
  if (error instanceof HostError) {
    const { code, message, hint, excerpt, retryAfterSeconds } = error;
    const where = excerpt === "" ? {} : { excerpt };
    return { code, message, hint, ...where, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) };
  }
  if (error instanceof AgentError) return { code: error.code, message: error.message, hint: error.hint };
  if (isOperationError(error)) return { code: snakeCase(error.code), message: error.message, hint: error.fix ?? "" };
  if (error instanceof PluginError) return pluginReport(error);
  return { code: fallback, message: error instanceof Error ? error.message : String(error), hint: "" };
}

function pluginReport({ code, message, excerpt }: PluginError): ErrorReport {
  const inScript = excerpt !== "" || code === "PLUGIN_LIMIT" || code === "PLUGIN_TIMEOUT" || code === "PLUGIN_RESULT";
  const again = code === "PLUGIN_CRASH" ? "try again: a new process takes its place" : "";
  return {
    code: snakeCase(code),
    message,
    hint: inScript
      ? "correct the plugin (*.rhai) and try again; `nib image check --lint-only` checks an image's"
      : again,
    ...(excerpt === "" ? {} : { excerpt }),
  };
}

function snakeCase(code: string): string {
  return code.toLowerCase().replaceAll("-", "_");
}

/** A report as an error again, e.g. one that was kept while a failed operation was undone. */
export function errorOf(report: ErrorReport): HostError {
  const { code, message, hint, excerpt, retryAfterSeconds } = report;
  // Codes of other parts pass through: the union names those that the daemon raises itself.
  return new HostError(code as HostErrorCode, message, {
    hint,
    ...(excerpt === undefined ? {} : { excerpt }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}
