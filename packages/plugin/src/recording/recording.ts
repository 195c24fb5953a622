import type { JobInfo, JobsInfo } from "../engine/job.ts";
import type { NodeEnv } from "../engine/node-env.ts";

/**
 * What functions of a plugin asked of a live node, and were answered (spec plugin-api.md §9.2): plain JSON that people read in a review, and
 * tests replay. No secret is in it: each has the same placeholder wherever it appeared (`redaction.ts`).
 */
export interface Recording {
  readonly v: 1;
  readonly image: { readonly protocol: string; readonly variant: string; readonly version: string };
  readonly env: Omit<NodeEnv, "properties">;
  readonly params: Readonly<Record<string, string>>;
  /** In the order in which they were called. */
  readonly functions: readonly RecordedFunction[];
}

export interface RecordedFunction {
  readonly function: string;
  readonly param?: string;
  /** The time of the script during the call, RFC 3339. */
  readonly at: string;
  /** As `bv node run` prints it. */
  readonly result?: string;
  /** Why there is no result. */
  readonly error?: string;
  /** Why there are no calls, though there were. */
  readonly left_out?: string;
  readonly calls: readonly RecordedCall[];
}

/** The host could not do it; `code` as `error_code(e)` has it. */
interface RecordedFailure {
  readonly error: string;
  readonly code?: string;
}

type Headers = readonly (readonly [name: string, value: string])[];

/** Bodies and parameters are what `valueOfJson` makes of their texts. */
export interface Questions {
  readonly run_jrpc: {
    readonly host: string;
    readonly method: string;
    readonly params?: unknown;
    readonly headers?: Headers;
  };
  /** `run_graphql`, too. */
  readonly run_rest: {
    readonly method: string;
    readonly url: string;
    readonly sent?: unknown;
    readonly headers?: Headers;
  };
  readonly run_sh: {
    readonly script: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly stdin?: string;
    readonly user?: string;
  };
  readonly file_read: { readonly path: string };
  readonly get_secret: { readonly key: string };
  readonly load_data: { readonly slot?: string };
  readonly job_info: { readonly name: string };
  readonly get_jobs: object;
}

interface Answers {
  readonly run_jrpc: { readonly status: number; readonly body: unknown };
  readonly run_rest: { readonly status: number; readonly body: unknown };
  readonly run_sh: {
    readonly exit_code: number;
    readonly stdout: string;
    readonly stderr: string;
    readonly truncated?: boolean;
  };
  readonly file_read: { readonly text: string } | { readonly base64: string };
  /** The placeholder of the secret; `null`: there is none. */
  readonly get_secret: { readonly value: string | null };
  readonly load_data: { readonly text: string | null };
  readonly job_info: { readonly info: JobInfo };
  readonly get_jobs: { readonly jobs: JobsInfo };
}

export type RecordedName = keyof Answers;

export type AnsweredCall<N extends RecordedName> = { readonly call: N } & Questions[N] & Answers[N];
export type FailedCall<N extends RecordedName> = { readonly call: N } & Questions[N] & RecordedFailure;

/** One call of a script, and its answer. What only has effects is not in a recording. */
export type RecordedCall = { readonly [N in RecordedName]: AnsweredCall<N> | FailedCall<N> }[RecordedName];

/** Names of what questions do not have. */
const ANSWER: ReadonlySet<string> = new Set([
  ...["status", "body", "exit_code", "stdout", "stderr", "truncated", "text", "base64", "value", "info", "jobs"],
  ...["error", "code"],
]);

/** The call without its answer. */
export function askedBy(call: object): object {
  return Object.fromEntries(Object.entries(call).filter(([field]) => !ANSWER.has(field)));
}

/** A text that is JSON as its value, which people can read; as the text it is where the value would not say exactly the same, such as for a number beyond 2^53. White space around it does not count. */
export function valueOfJson(text: string): unknown {
  const trimmed = text.trim();
  try {
    const value: unknown = JSON.parse(trimmed);
    return typeof value !== "string" && JSON.stringify(value) === trimmed ? value : text;
  } catch {
    return text;
  }
}

/** The text of what `valueOfJson` gave. */
export function jsonOfValue(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

export const recordingText = (recording: Recording): string => `${JSON.stringify(recording, undefined, 2)}\n`;
