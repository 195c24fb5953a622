import { isUtf8 } from "node:buffer";
import type { EngineContext, HttpResponse, PluginEngine } from "../engine/port.ts";
import { askedJrpc, askedRest, askedSh } from "./asked.ts";
import type { RecordedCall } from "./recording.ts";
import { redactedCall } from "./redact-call.ts";
import type { Redaction } from "./redaction.ts";

/** A recording is read by people: what is larger is of no use in one. Characters of a call, and of all; calls of a function. */
const MOST_OF_CALL = 256 << 10;
const MOST_OF_ALL = 1 << 20;
const MOST_CALLS = 1_000;

/** What all functions of a recording share. */
export interface Session {
  /** Characters that are on tapes. */
  spent: number;
  /** Hears every secret that a function reads or writes. */
  readonly onSecret: (key: string, value: Uint8Array) => void;
}

/** What one function asks of the host, and is answered, while the host serves it. Secrets are on it, but do not leave it. */
export class Tape {
  readonly #session: Session;
  readonly #calls: RecordedCall[] = [];
  #leftOut: string | undefined;
  #size = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  /** The host with the tape running. Time stands still for the script, so that what it asks is the same again. */
  engine(engine: PluginEngine, now: number): PluginEngine {
    const own = { ...this.#members(engine), now: () => now };
    return new Proxy(engine, {
      get(target, name) {
        const member: unknown = Reflect.get(own, name) ?? Reflect.get(target, name);
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
  }

  /** What was asked, without secrets; or why that is left out. */
  taken(redaction: Redaction): { readonly calls: readonly RecordedCall[]; readonly left_out?: string } {
    const calls = this.#leftOut === undefined ? this.#calls.map((call) => redactedCall(call, redaction)) : [];
    const why = calls.includes(undefined) ? "it read a file that is no text, with a secret in it" : this.#leftOut;
    return why === undefined ? { calls: calls.filter((call) => call !== undefined) } : { left_out: why, calls: [] };
  }

  #members(engine: PluginEngine): Partial<PluginEngine> {
    const { onSecret } = this.#session;
    return {
      runJrpc: (request, timeoutMs, ctx) =>
        this.#take(askedJrpc(request), engine.runJrpc(request, timeoutMs, ctx), http, ctx),
      runRest: (request, timeoutMs, ctx) =>
        this.#take(askedRest(request), engine.runRest(request, timeoutMs, ctx), http, ctx),
      runSh: (body, options, ctx) =>
        this.#take(
          askedSh(body, options),
          engine.runSh(body, options, ctx),
          ({ exitCode: exit_code, stdout, stderr, truncated }) => ({
            exit_code,
            stdout,
            stderr,
            ...(truncated === true && { truncated }),
          }),
          ctx,
        ),
      fileRead: (path, ctx) => this.#take({ call: "file_read", path }, engine.fileRead(path, ctx), fileText, ctx),
      getSecret: async (key, ctx) => {
        const value = await this.#take({ call: "get_secret", key }, engine.getSecret(key, ctx), secretText, ctx);
        if (value !== undefined) onSecret(key, value);
        return value;
      },
      putSecret: (key, value, ctx) => {
        onSecret(key, value);
        return engine.putSecret(key, value, ctx);
      },
      loadData: (slot, ctx) =>
        this.#take(
          { call: "load_data", ...(slot !== undefined && { slot }) },
          engine.loadData(slot, ctx),
          (text) => ({ text: text ?? null }),
          ctx,
        ),
      jobInfo: (name, ctx) =>
        this.#take({ call: "job_info", name }, engine.jobInfo(name, ctx), (info) => ({ info }), ctx),
      getJobs: (ctx) => this.#take({ call: "get_jobs" }, engine.getJobs(ctx), (jobs) => ({ jobs }), ctx),
    };
  }

  async #take<A>(
    asked: object,
    answer: Promise<A>,
    fields: (answer: A) => object,
    { signal }: EngineContext,
  ): Promise<A> {
    try {
      const given = await answer;
      this.#add({ ...asked, ...fields(given) } as RecordedCall);
      return given;
    } catch (error) {
      // What was given up says nothing about the world.
      if (!signal.aborted) this.#add({ ...asked, ...failure(error) } as RecordedCall);
      throw error;
    }
  }

  #add(call: RecordedCall): void {
    if (this.#leftOut !== undefined) return;
    const size = JSON.stringify(call).length;
    const session = this.#session;
    if (size > MOST_OF_CALL) this.#leftOut = `${call.call}: its answer is too large to be recorded`;
    else if (this.#calls.length >= MOST_CALLS) this.#leftOut = `there are more than ${MOST_CALLS} calls`;
    else if (session.spent + size > MOST_OF_ALL) this.#leftOut = "the recording is full";
    if (this.#leftOut === undefined) {
      this.#calls.push(call);
      this.#size += size;
      session.spent += size;
    } else {
      this.#calls.length = 0;
      session.spent -= this.#size;
    }
  }
}

const http = ({ statusCode, body }: HttpResponse) => ({ status: statusCode, body });

/** Redacted as a whole later. */
const secretText = (secret: Uint8Array | undefined) => ({ value: secret === undefined ? null : textOf(secret).text });

function fileText(content: Uint8Array) {
  const { text, isText } = textOf(content);
  return isText ? { text } : { base64: text };
}

/** What is no text as base64. */
function textOf(content: Uint8Array) {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const isText = isUtf8(bytes);
  return { isText, text: bytes.toString(isText ? "utf8" : "base64") };
}

function failure(error: unknown) {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
  return { error: message, ...(code !== undefined && { code }) };
}
