import type { Diagnostic } from "@blockvisor/image";
import type { BridgeMethod } from "../bindings/bridge.ts";
import type { PluginConfig } from "../config/model.ts";
import type { PluginFiles, PluginFunction } from "../plugin.ts";
import type { CallFrame, PluginErrorCode } from "../plugin-error.ts";
import type { ProtocolStatus } from "../status/protocol-status.ts";

/* What the host's loop and a plugin worker say to each other. */

/** What a worker can do with a plugin, and what comes back. */
export interface ScriptWork {
  /** Compiles every file. */
  readonly load: { readonly input: Record<never, never>; readonly output: LoadedScript };
  /** Evaluates, converts and validates `plugin_config()`. */
  readonly config: { readonly input: Record<never, never>; readonly output: EvaluatedConfig };
  /** Calls `init` or `upload` of the script; the result is ignored. */
  readonly run: { readonly input: { readonly fn: "init" | "upload" }; readonly output: null };
  readonly status: { readonly input: Record<never, never>; readonly output: ProtocolStatus };
  /** Calls functions one after the other, `timeoutMs` for each; one that fails keeps no other from being called. */
  readonly poll: {
    readonly input: { readonly asked: readonly Asked[]; readonly timeoutMs: number };
    readonly output: readonly Answer[];
  };
  /** Calls any function with a text, by the rules for custom functions (spec plugin-api.md §1.6). */
  readonly text: { readonly input: { readonly fn: string; readonly param: string }; readonly output: string };
  /** Findings that need no evaluation. */
  readonly lint: { readonly input: LintInput; readonly output: readonly Diagnostic[] };
}

/** A function without parameters, and what its result has to be. */
export interface Asked {
  readonly fn: string;
  readonly type: "u64" | "f64" | "flag" | "text";
}

export type Answer =
  | { readonly ok: true; readonly value: number | boolean | string }
  | { readonly ok: false; readonly failure: ScriptFailure };

export type WorkKind = keyof ScriptWork;

export type WorkOf<K extends WorkKind> = { readonly kind: K } & ScriptWork[K]["input"];

export type AnyWork = { [K in WorkKind]: WorkOf<K> }[WorkKind];

export interface LintInput {
  /** Keys of the properties of babel.yaml. */
  readonly properties: readonly string[];
  /** Key of the variant. */
  readonly variant: string;
}

interface LoadedScript {
  readonly functions: readonly PluginFunction[];
}

export interface EvaluatedConfig {
  readonly config: PluginConfig;
  readonly findings: readonly ConfigFinding[];
}

/** A finding about a config that converts. Only level `error` keeps it from being used; `lint` is an error for the linter alone. */
export interface ConfigFinding {
  readonly level: "error" | "lint" | "warning";
  readonly diagnostic: Diagnostic;
}

/** Host → worker: one piece of work. */
export interface WorkMessage {
  readonly digest: string;
  /** Left out when the worker has them: both sides keep the same `MOST_SCRIPTS` digests. */
  readonly files: PluginFiles | null;
  readonly work: AnyWork;
  /** Epoch milliseconds. */
  readonly deadline: number;
}

/** Worker → host. */
export type WorkerMessage =
  | {
      readonly kind: "engine";
      readonly id: number;
      readonly method: BridgeMethod;
      readonly args: readonly unknown[];
      /** Epoch milliseconds; nobody waits for the answer any longer. */
      readonly deadline: number;
    }
  | { readonly kind: "done"; readonly output: unknown }
  | { readonly kind: "failed"; readonly failure: ScriptFailure };

export interface ScriptFailure {
  readonly code: PluginErrorCode;
  readonly message: string;
  readonly diagnostics: readonly Diagnostic[];
  readonly frames: readonly CallFrame[];
}

/** Host → worker, in answer to an engine call, on the reply port. */
export type EngineReply = { readonly id: number } & (
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string }
);

/** Given to a worker when it starts. */
export interface WorkerStart {
  /** `GATE_*` cells. */
  readonly gate: SharedArrayBuffer;
  readonly replies: import("node:worker_threads").MessagePort;
}

/** Counts replies; the worker sleeps on it. */
export const GATE_REPLIES = 0;
/** Non-zero: stop the script. */
export const GATE_CANCEL = 1;
export const GATE_CELLS = 2;

/** Compiled plugins a thread keeps. */
export const MOST_SCRIPTS = 32;
