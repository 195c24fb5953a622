import { isDeepStrictEqual } from "node:util";
import type { HttpResponse } from "../engine/port.ts";
import { askedJrpc, askedRest, askedSh } from "../recording/asked.ts";
import {
  type AnsweredCall,
  askedBy,
  type FailedCall,
  jsonOfValue,
  type RecordedCall,
  type RecordedFunction,
  type RecordedName,
  type Recording,
} from "../recording/recording.ts";
import { redacted } from "../recording/redact-call.ts";
import { Redaction, type Secret } from "../recording/redaction.ts";
import type { Outcome, Rule } from "./answers.ts";
import type { ShAnswer, TestHost } from "./test-host.ts";

/**
 * Makes a host the node of a recording: what functions asked is answered as it was then, one answer after the other, the last one for ever.
 * Secrets and saved data that the host has already stay; those that it gets are the recording's.
 */
export function replay(host: TestHost, { env, params }: Recording, functions: readonly RecordedFunction[]): void {
  host.replays = true;
  host.env = { ...host.env, ...env };
  host.params = { ...host.params, ...params };
  // Of several functions the last: nothing that the node said then is younger.
  host.clock.set(Math.max(...functions.map(({ at }) => Date.parse(at))));
  const calls = functions.flatMap((one) => one.calls);
  const asRecorded = restore(host, calls);

  for (const alike of groups(calls, "run_jrpc"))
    host.jrpc.add(ruleOf(alike, (request) => asRecorded(askedJrpc(request)), response));
  for (const alike of groups(calls, "run_rest"))
    host.rest.add(ruleOf(alike, (request) => asRecorded(askedRest(request)), response));
  for (const alike of groups(calls, "run_sh"))
    host.sh.add(ruleOf(alike, ({ body, options }) => asRecorded(askedSh(body, options)), shAnswer));
  for (const alike of groups(calls, "file_read")) {
    host.files.delete(alike[0].path);
    host.fileReads.add(ruleOf(alike, (path) => asRecorded({ call: "file_read", path }), fileContent));
  }
  for (const alike of groups(calls, "job_info"))
    host.jobInfos.add(
      ruleOf(
        alike,
        (name) => asRecorded({ call: "job_info", name }),
        ({ info }) => info,
      ),
    );
  for (const alike of groups(calls, "get_jobs"))
    host.jobLists.add(
      ruleOf(
        alike,
        () => ({ call: "get_jobs" }),
        ({ jobs }) => jobs,
      ),
    );
}

/** What the node had, and how recordings have a question, whatever secrets the test chose. */
function restore(host: TestHost, calls: readonly RecordedCall[]): (asked: object) => object {
  const placeholders = new Map<string, string>();
  for (const [first] of groups(calls, "get_secret")) {
    if ("error" in first) continue;
    const { key, value } = first;
    if (value !== null) placeholders.set(key, value);
    if (!host.secrets.has(key)) host.secrets.set(key, value === null ? undefined : Buffer.from(value));
  }
  for (const [first] of groups(calls, "load_data")) {
    if (!("error" in first) && first.text !== null && !host.data.has(first.slot)) host.data.set(first.slot, first.text);
  }
  const secrets = (): readonly Secret[] =>
    [...placeholders].map(([key, placeholder]) => [placeholder, host.secrets.get(key) ?? Buffer.alloc(0)]);
  return (asked) => redacted(asked, new Redaction(secrets()));
}

type Call<N extends RecordedName> = AnsweredCall<N> | FailedCall<N>;
type Alike<N extends RecordedName> = readonly [Call<N>, ...Call<N>[]];

/** The calls of a kind, those that ask the same together. */
function groups<N extends RecordedName>(calls: readonly RecordedCall[], name: N): readonly Alike<N>[] {
  const found = new Map<string, [Call<N>, ...Call<N>[]]>();
  for (const call of calls) {
    if (!isCall(call, name)) continue;
    const asked = JSON.stringify(askedBy(call));
    const alike = found.get(asked);
    if (alike) alike.push(call);
    else found.set(asked, [call]);
  }
  return [...found.values()];
}

function isCall<N extends RecordedName>(call: RecordedCall, name: N): call is RecordedCall & Call<N> {
  return call.call === name;
}

function ruleOf<N extends RecordedName, Q, A>(
  alike: Alike<N>,
  asked: (question: Q) => object,
  answer: (call: AnsweredCall<N>) => A,
): Rule<Q, A> {
  const expected = askedBy(alike[0]);
  return {
    applies: (question) => isDeepStrictEqual(asked(question), expected),
    outcomes: alike.map((call): Outcome<A> => {
      if (!hasFailed(call)) return { kind: "answer", answer: answer(call) };
      return { kind: "fail", message: call.error, ...(call.code !== undefined && { code: call.code }) };
    }),
  };
}

function hasFailed<N extends RecordedName>(call: Call<N>): call is FailedCall<N> {
  return "error" in call;
}

function response({ status, body }: AnsweredCall<"run_jrpc" | "run_rest">): HttpResponse {
  return { statusCode: status, body: jsonOfValue(body) };
}

function shAnswer({ exit_code: exitCode, stdout, stderr, truncated = false }: AnsweredCall<"run_sh">): ShAnswer {
  return { response: { exitCode, stdout, stderr, truncated }, delayMs: 0 };
}

function fileContent(call: AnsweredCall<"file_read">): Uint8Array {
  return "text" in call ? Buffer.from(call.text) : Buffer.from(call.base64, "base64");
}
