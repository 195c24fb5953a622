import type { Diagnostic } from "@blockvisor/image";
import type { BridgeMethod } from "../bindings/bridge.ts";
import type { PluginConfig } from "../config/model.ts";
import type { ResultType } from "../platform-functions.ts";
import type { PluginFiles, PluginFunction } from "../plugin.ts";
import type { CallFrame, PluginErrorCode } from "../plugin-error.ts";
import type { ProtocolStatus } from "../status/protocol-status.ts";
import type { Covered } from "./covered.ts";
import type { FrameLimits } from "./frame.ts";

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
  /** Calls a function of a script that tests a plugin; its result comes as JSON text. */
  readonly test: { readonly input: { readonly file: string; readonly fn: string }; readonly output: string };
  /** Findings that need no evaluation. */
  readonly lint: { readonly input: LintInput; readonly output: readonly Diagnostic[] };
}

/** A function without parameters, and what its result has to be. */
export interface Asked {
  readonly fn: string;
  readonly type: ResultType;
}

/** A `u64` that is not exact as a number comes as its digits. */
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
  /** Keys of all variants of babel.yaml; none: they are not known. */
  readonly variants: readonly string[];
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

/** Host → worker. Times are milliseconds from now, as clocks may jump; `null` = any time. */
export type HostMessage =
  | WorkMessage
  /** Answers an engine call or the end of a sleep; a value of bytes follows the message. `late`: its time was over first. */
  | ({ readonly kind: "reply"; readonly id: number } & (
      | { readonly outcome: "value"; readonly value?: unknown }
      | { readonly outcome: "failed"; readonly message: string; readonly code?: string }
      | { readonly outcome: "late" }
    ))
  /** The work was given up: whoever waits for a reply gets none. */
  | { readonly kind: "cancel" };

/** One piece of work. */
export interface WorkMessage {
  readonly kind: "work";
  readonly digest: string;
  /** Left out when the worker has them: both sides keep the same `MOST_SCRIPTS` digests. */
  readonly files: PluginFiles | null;
  readonly work: AnyWork;
  readonly timeLeft: number | null;
  /** Where time stands still for the script, in epoch milliseconds; null: it has the time of the machine. */
  readonly now: number | null;
  /** Whether to tell which lines ran. */
  readonly cover: boolean;
}

/** Worker → host. One call or sleep at a time, each waits for its reply. */
export type WorkerMessage =
  | {
      readonly kind: "engine";
      readonly id: number;
      readonly method: BridgeMethod;
      readonly args: readonly unknown[];
      /** Which of the arguments are the bytes that follow the message. */
      readonly bytesAt: number | null;
      readonly timeLeft: number | null;
    }
  | { readonly kind: "sleep"; readonly id: number; readonly ms: number }
  | { readonly kind: "done"; readonly output: unknown; readonly covered?: Covered }
  | { readonly kind: "failed"; readonly failure: ScriptFailure; readonly covered?: Covered };

export interface ScriptFailure {
  readonly code: PluginErrorCode;
  readonly message: string;
  readonly diagnostics: readonly Diagnostic[];
  readonly frames: readonly CallFrame[];
}

/** What the host takes of a worker, which may be hostile: reading a message costs some twenty times its JSON in memory. */
export const MOST_TO_HOST: FrameLimits = { json: 8 * 1024 * 1024, bytes: 32 * 1024 * 1024 };

/** What a worker takes of the host: all files of a plugin, or the content of one of the node. */
export const MOST_TO_WORKER: FrameLimits = { json: 96 * 1024 * 1024, bytes: 64 * 1024 * 1024 };

/** Compiled plugins a worker keeps. */
export const MOST_SCRIPTS = 32;
