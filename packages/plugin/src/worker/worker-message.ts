import type { Diagnostic } from "@blockvisor/image";
import type { PluginErrorCode } from "../plugin-error.ts";
import type { AnyWork, Asked, ScriptFailure, WorkerMessage } from "./protocol.ts";

/*
 * What a worker says is checked before it is used: scripts cannot make it lie, but one that found a way out of its interpreter could.
 * What only goes back to the node the script belongs to, such as the details of its config, is that node's own affair.
 */

/** A worker said what no worker says. */
class HostileMessage extends Error {}

/** Throws `HostileMessage`. */
export function readWorkerMessage(message: unknown): WorkerMessage {
  const said = record(message);
  switch (said["kind"]) {
    case "engine":
      require(isWhole(said["id"]) && typeof said["method"] === "string" && Array.isArray(said["args"]));
      require(said["bytesAt"] === null || isWhole(said["bytesAt"]));
      require(said["timeLeft"] === null || typeof said["timeLeft"] === "number");
      break;
    case "sleep":
      require(isWhole(said["id"]) && typeof said["ms"] === "number");
      break;
    case "done":
      requireCovered(said["covered"]);
      break;
    case "failed":
      requireFailure(said["failure"]);
      requireCovered(said["covered"]);
      break;
    default:
      throw new HostileMessage("unknown kind");
  }
  return said as WorkerMessage;
}

/** What came of `work`, as far as the host relies on it. Throws `HostileMessage`. */
export function requireOutput(work: AnyWork, output: unknown): void {
  switch (work.kind) {
    case "load":
      for (const fn of list(record(output)["functions"])) {
        const { name, params, file, line, doc, private: hidden } = record(fn);
        require([name, file, ...list(params)].every(isText) && isWhole(line) && typeof hidden === "boolean");
        require(doc === null || isText(doc));
      }
      return;
    case "config":
      record(record(output)["config"]);
      for (const finding of list(record(output)["findings"])) {
        const { level, diagnostic } = record(finding);
        require(level === "error" || level === "lint" || level === "warning");
        requireDiagnostic(diagnostic);
      }
      return;
    case "status": {
      const { state, health } = record(output);
      require(isText(state) && (health === "healthy" || health === "neutral" || health === "unhealthy"));
      return;
    }
    case "poll":
      require(list(output).length === work.asked.length);
      for (const [index, asked] of work.asked.entries()) requireAnswer(list(output)[index], asked);
      return;
    case "text":
    case "test":
      require(isText(output));
      return;
    case "lint":
      for (const diagnostic of list(output)) requireDiagnostic(diagnostic);
      return;
    case "run":
      return;
  }
}

function requireCovered(covered: unknown): void {
  if (covered === undefined) return;
  for (const lines of Object.values(record(covered))) require(list(lines).every(isWhole));
}

function requireAnswer(answer: unknown, { type }: Asked): void {
  const { ok, value, failure } = record(answer);
  if (ok !== true) requireFailure(failure);
  else if (type === "u64" && isText(value)) require(/^\d{16,19}$/.test(value));
  else require(typeof value === (type === "flag" ? "boolean" : type === "text" ? "string" : "number"));
}

const CODES: ReadonlySet<unknown> = new Set<PluginErrorCode>([
  "PLUGIN_SYNTAX",
  "PLUGIN_SCRIPT",
  "PLUGIN_TIMEOUT",
  "PLUGIN_LIMIT",
  "PLUGIN_METHOD",
  "PLUGIN_RESULT",
  "PLUGIN_CONFIG",
  "PLUGIN_CRASH",
]);

function requireFailure(failure: unknown): asserts failure is ScriptFailure {
  const { code, message, diagnostics, frames } = record(failure);
  require(CODES.has(code) && isText(message));
  for (const diagnostic of list(diagnostics)) requireDiagnostic(diagnostic);
  for (const frame of list(frames)) {
    const { fn, file, line, column } = record(frame);
    require(isText(fn) && isText(file) && isWhole(line) && isWhole(column));
  }
}

function requireDiagnostic(diagnostic: unknown): asserts diagnostic is Diagnostic {
  const { code, severity, message, file, range, path, help } = record(diagnostic);
  require(isText(code) && isText(message));
  require(severity === "error" || severity === "warning" || severity === "info");
  require([file, path, help].every((text) => text === undefined || isText(text)));
  if (range === undefined) return;
  const { start, end } = record(range);
  for (const place of [record(start), record(end)]) require(isPlace(place["line"]) && isPlace(place["column"]));
}

function record(value: unknown): Record<string, unknown> {
  require(typeof value === "object" && value !== null && !Array.isArray(value));
  return value as Record<string, unknown>;
}

function list(value: unknown): readonly unknown[] {
  require(Array.isArray(value));
  return value;
}

const isText = (value: unknown): value is string => typeof value === "string";
const isWhole = (value: unknown): boolean => Number.isSafeInteger(value);
/** The language counts lines and columns up to 65,535; columns of other texts may be larger. */
const isPlace = (value: unknown): boolean => isWhole(value) && Number(value) >= 1 && Number(value) <= 1e8;

function require(condition: boolean): asserts condition {
  if (!condition) throw new HostileMessage("a message of the wrong shape");
}
