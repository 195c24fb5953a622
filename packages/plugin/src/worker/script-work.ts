import { RhaiMap, type Value } from "@blockvisor/rhai";
import { evaluatedConfig } from "../lint/config-findings.ts";
import { lintScript } from "../lint/lint-script.ts";
import { valueToJson } from "../values/to-json.ts";
import { clock } from "./clock.ts";
import { callFailure, failure } from "./failure.ts";
import type { Answer, AnyWork, Asked, ScriptFailure, ScriptWork, WorkOf } from "./protocol.ts";
import { toFlag, toNumber, toStatus, toText, toWhole } from "./results.ts";
import type { Script } from "./script.ts";
import { timeoutMessage } from "./time-limit.ts";

export interface RunLimits {
  /** A reading of `clock`. */
  readonly deadline: number;
  /** The script ends when element 0 becomes non-zero. */
  readonly cancel: Int32Array;
  /** What the script asks of its host has a deadline of its own from now on. */
  readonly begin: (deadline: number) => void;
}

/** A piece of work that cannot even be started. */
class WorkFailure extends Error {
  readonly failure: ScriptFailure;
  constructor(reason: ScriptFailure) {
    super(reason.message);
    this.failure = reason;
  }
}

/** Name of the script function that a piece of work runs, for messages. */
export function functionOf(work: AnyWork): string {
  switch (work.kind) {
    case "config":
      return "plugin_config";
    case "status":
      return "protocol_status";
    case "load":
    case "lint":
    case "poll":
      return work.kind;
    default:
      return work.fn;
  }
}

export function doWork(script: Script, work: AnyWork, limits: RunLimits): ScriptWork[AnyWork["kind"]]["output"] {
  switch (work.kind) {
    case "load":
      return { functions: script.functions };
    case "lint":
      return lintScript(script, work);
    case "config":
      if (!script.has("plugin_config", 0))
        throw new WorkFailure(failure("PLUGIN_CONFIG", "Missing plugin_config function"));
      return evaluatedConfig(script, script.call("plugin_config", [], limits));
    case "run":
      callBuiltIn(script, work.fn, limits);
      return null;
    case "status":
      return toStatus(callStatus(script, limits));
    case "poll":
      return work.asked.map((asked) => answerOf(script, asked, work, limits));
    case "test":
      return valueToJson(script.call(work.fn, [], limits));
    case "text":
      return toText(callCustom(script, work.fn, work.param, limits));
  }
}

export function failureOf(error: unknown, fn: string): ScriptFailure {
  return error instanceof WorkFailure ? error.failure : callFailure(error, fn);
}

function answerOf(script: Script, asked: Asked, { timeoutMs }: WorkOf<"poll">, limits: RunLimits): Answer {
  const deadline = Math.min(limits.deadline, clock() + timeoutMs);
  limits.begin(deadline);
  try {
    return { ok: true, value: polledValue(script, asked, { ...limits, deadline }) };
  } catch (error) {
    // The caller has given up on all of them.
    if (Atomics.load(limits.cancel, 0) !== 0) throw error;
    const found = failureOf(error, asked.fn);
    if (found.code !== "PLUGIN_TIMEOUT") return { ok: false, failure: found };
    const message = timeoutMessage(asked.fn, timeoutMs);
    const diagnostics = found.diagnostics.map(({ help: _, ...diagnostic }) => ({ ...diagnostic, message }));
    return { ok: false, failure: { ...found, message, diagnostics } };
  }
}

function polledValue(script: Script, { fn, type }: Asked, limits: RunLimits): number | boolean | string {
  switch (type) {
    case "flag":
      return toFlag(callBuiltIn(script, fn, limits));
    case "text":
      return toText(callCustom(script, fn, "", limits));
    case "f64":
      return toNumber(callBuiltIn(script, fn, limits));
    case "u64": {
      const whole = toWhole(callBuiltIn(script, fn, limits));
      return typeof whole === "bigint" ? String(whole) : whole;
    }
  }
}

/** `init(params)` and `upload(param)` of former times get nothing in their parameter (spec plugin-api.md §11). */
function callBuiltIn(script: Script, name: string, limits: RunLimits): Value {
  if (!script.has(name, 0) && script.has(name, 1))
    return script.call(name, [name === "init" ? RhaiMap.fromEntries([]) : ""], limits);
  if (!script.has(name, 0)) {
    throw new WorkFailure(
      failure("PLUGIN_METHOD", `Rhai function '${name}' returned error: Function not found: ${name}`),
    );
  }
  return script.call(name, [], limits);
}

function callStatus(script: Script, limits: RunLimits): Value {
  const former = !script.has("protocol_status", 0) && script.has("application_status", 0);
  return callBuiltIn(script, former ? "application_status" : "protocol_status", limits);
}

/** One parameter wins; a function without parameters ignores what it is given (spec plugin-api.md §1.6). */
function callCustom(script: Script, name: string, param: string, limits: RunLimits): Value {
  if (script.has(name, 1)) return script.call(name, [param], limits);
  if (script.has(name, 0)) return script.call(name, [], limits);
  throw new WorkFailure(failure("PLUGIN_METHOD", `no matching method '${name}' found`));
}
