import type { ClientRequest, IncomingMessage } from "node:http";
import { failureCode } from "../failure/codes.ts";
import { Failure, reason, systemCode } from "../failure/failure.ts";
import type { Output } from "../output/output.ts";
import { daemonSocketPath } from "../place/root.ts";
import { suiteVersion } from "../version.ts";
import { openDuplex } from "./duplex.ts";
import { envelope, envelopes } from "./envelopes.ts";
import { type ConnectErrorJson, daemonFailure } from "./failure.ts";
import type { DuplexMethod, DuplexMethods, StreamMethod, StreamMethods, UnaryMethod, UnaryMethods } from "./service.ts";

interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Default 10 s: reading never waits for an operation (host.proto). Functions and jobs give longer. */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 10_000;

interface DuplexCall<M extends DuplexMethod> {
  /** Resolves once there is room for more. What cannot be sent any more is dropped: the answers tell why. */
  send(message: DuplexMethods[M][0]): Promise<void>;
  readonly answers: AsyncGenerator<DuplexMethods[M][1]>;
}

interface VersionedAnswer {
  readonly statusCode?: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** The Connect protocol with JSON over the daemon's unix socket. */
export class DaemonClient {
  readonly #out: Output;
  readonly #socketPath = daemonSocketPath();
  #told = false;

  constructor(out: Output) {
    this.#out = out;
  }

  async call<M extends UnaryMethod>(method: M, message: UnaryMethods[M][0], options: CallOptions = {}) {
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    const response = await this.#send(method, message, "application/json", { ...options, timeoutMs });
    const body = await readAll(response);
    if (response.statusCode !== 200) throw await daemonFailure(parseError(body, response.statusCode));
    return JSON.parse(body) as UnaryMethods[M][1];
  }

  /** Ends when the daemon ends it; leaving the loop early closes the connection, which stops no operation. */
  async *stream<M extends StreamMethod>(
    method: M,
    message: StreamMethods[M][0],
    options: CallOptions = {},
  ): AsyncGenerator<StreamMethods[M][1]> {
    const response = await this.#send(method, message, "application/connect+json", options);
    if (response.statusCode !== 200) {
      throw await daemonFailure(parseError(await readAll(response), response.statusCode));
    }
    try {
      yield* messages<StreamMethods[M][1]>(response, options.signal, ongoing);
    } finally {
      response.destroy();
    }
  }

  /** A call in which both sides speak when they like; `hint` is for who is cut off. It lives until the answers end, or are left early. */
  duplex<M extends DuplexMethod>(method: M, hint: string, signal: AbortSignal): DuplexCall<M> {
    const { send, answer, cut } = openDuplex(this.#socketPath, `/blockvisor.host.v1.HostService/${method}`);
    const compare = (response: VersionedAnswer): void => this.#compareVersions(method, response);
    const socketPath = this.#socketPath;
    async function* answers(): AsyncGenerator<DuplexMethods[M][1]> {
      signal.addEventListener("abort", cut);
      try {
        const response = await answer.catch((error: Error) => {
          throw signal.aborted ? error : unreachable(error, socketPath);
        });
        compare(response);
        if (response.statusCode !== 200) {
          throw await daemonFailure(parseError(await readAll(response.body), response.statusCode));
        }
        yield* messages<DuplexMethods[M][1]>(response.body, signal, hint);
      } finally {
        signal.removeEventListener("abort", cut);
        cut();
      }
    }
    return { send, answers: answers() };
  }

  async #send(
    method: string,
    message: object,
    type: "application/json" | "application/connect+json",
    options: CallOptions,
  ): Promise<IncomingMessage> {
    const text = JSON.stringify(message);
    const body = type === "application/json" ? text : envelope(text);
    const started = performance.now();
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const headers: Record<string, string> = {
      "content-type": type,
      "connect-protocol-version": "1",
      "content-length": String(Buffer.byteLength(body)),
    };
    if (options.timeoutMs) headers["connect-timeout-ms"] = String(options.timeoutMs);
    const path = `/blockvisor.host.v1.HostService/${method}`;
    const { signal } = options;
    // Importing node:http as a module would also load undici, for exports that nobody here uses: a third of `bv node ls`.
    const { request } = process.getBuiltinModule("node:http");
    const call: ClientRequest = request(
      { socketPath: this.#socketPath, path, method: "POST", headers, agent: false, ...(signal ? { signal } : {}) },
      resolve,
    );
    call.on("error", (error) => reject(signal?.aborted ? error : unreachable(error, this.#socketPath)));
    if (options.timeoutMs) call.setTimeout(options.timeoutMs, () => call.destroy(timedOut(method, options.timeoutMs)));
    call.end(body);
    this.#out.note(3, `→ ${method} ${JSON.stringify(message, withoutSecrets)}`);
    const response = await promise;
    this.#out.note(2, `${method}: ${response.statusCode} after ${(performance.now() - started).toFixed(0)} ms`);
    this.#compareVersions(method, response);
    return response;
  }

  /** What both know works whatever their versions are (host-daemon DB-3.6); that they differ is said once. Error `daemon-version`. */
  #compareVersions(method: string, { statusCode, headers }: VersionedAnswer): void {
    // Daemons did not always say it.
    const theirs = headers["blockvisor-version"] ?? "an earlier one";
    if (theirs === suiteVersion) return;
    const told = `blockvisord is version ${theirs}, this ${this.#out.program} is ${suiteVersion}`;
    if (statusCode === 404) {
      throw new Failure("daemon-version", `${told}, and only one of them knows ${method}`, { hint: oneVersion });
    }
    if (this.#told || headers["blockvisor-version"] === undefined) return;
    this.#told = true;
    this.#out.warn({ code: failureCode(this.#out.program, "daemon-version"), message: `${told}: ${oneVersion}` });
  }
}

/** Nodes go on running meanwhile. */
const oneVersion = "`bv stop` and `bv start` bring the daemon to the version that is installed";

/** What a plugin gets may be a secret (host-daemon S13). */
function withoutSecrets(key: string, value: unknown): unknown {
  return key === "param" || key === "properties" ? "***" : value;
}

function unreachable(error: Error, socketPath: string): Failure {
  if (error instanceof Failure) return error;
  const denied = systemCode(error) === "EACCES" || systemCode(error) === "EPERM";
  return new Failure("daemon-unreachable", `cannot reach blockvisord at ${socketPath}`, {
    causes: [reason(error)],
    hint: denied
      ? "run it as root, or as a member of the group blockvisor"
      : "start it with `bv start`; `journalctl -u blockvisor -fn 50` shows its log",
  });
}

function timedOut(method: string, timeoutMs = 0): Failure {
  return new Failure("node-busy", `blockvisord did not answer ${method} within ${timeoutMs / 1000} s`, {
    hint: "`bv node ls` shows what its nodes are doing",
  });
}

const ongoing = "what was begun goes on in the daemon: look at it with `bv node ls`";

function lost(error: unknown, hint = ongoing): Failure {
  return new Failure("daemon-unreachable", "the connection to blockvisord broke off", {
    causes: [reason(error)],
    hint,
  });
}

/** Of a stream, until the daemon ends it. `hint` is for when it does not. */
async function* messages<T>(
  body: AsyncIterable<Buffer>,
  signal: AbortSignal | undefined,
  hint: string,
): AsyncGenerator<T> {
  try {
    for await (const { last, text } of envelopes(body)) {
      const parsed: unknown = JSON.parse(text);
      if (!last) {
        yield parsed as T;
        continue;
      }
      const { error } = parsed as { readonly error?: ConnectErrorJson };
      if (error) throw await daemonFailure(error);
      return;
    }
  } catch (error) {
    throw signal?.aborted || error instanceof Failure ? error : lost(error, hint);
  }
  throw lost(new Error("the stream ended without an end message"), hint);
}

async function readAll(response: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response) chunks.push(chunk);
  } catch (error) {
    throw lost(error);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseError(body: string, status: number | undefined): ConnectErrorJson {
  try {
    return JSON.parse(body) as ConnectErrorJson;
  } catch {
    return { code: `http_${status}`, message: `the daemon answered with HTTP status ${status}` };
  }
}
