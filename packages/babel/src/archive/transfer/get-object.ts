import type { IncomingMessage } from "node:http";
import { faultOfStatus, TransferFault, withoutQuery } from "./fault.ts";
import { cancelled, monotonicMs } from "./retry.ts";

/** A transfer slower than this, while it is waited for, is given up and begun again. (D4-10) */
export type StallLimit = { readonly windowMs: number; readonly bytesPerSecond: number };
export const STALL_LIMIT: StallLimit = { windowMs: 60_000, bytesPerSecond: 64 * 1024 };

const REDIRECTS = 5;

/** An import of `node:http` would load all it re-exports, a WebSocket client among it: 0.1 s and 10 MiB in each thread. */
const http = () => process.getBuiltinModule("node:http");
const https = () => process.getBuiltinModule("node:https");

/** Connections that are kept for the next request; as many as there are requests at the same time. */
export class Connections {
  readonly http = new (http().Agent)({ keepAlive: true, maxFreeSockets: 16 });
  readonly https = new (https().Agent)({ keepAlive: true, maxFreeSockets: 16 });

  close(): void {
    this.http.destroy();
    this.https.destroy();
  }
}

/**
 * The bytes of an object from an offset on, in pieces of at most 64 KiB; exactly as many as the object should have, or an error. (D4-08)
 *
 * @throws TransferFault
 */
export async function* getObject(
  url: string,
  range: { readonly from: number; readonly size: number },
  options: { readonly connections: Connections; readonly signal: AbortSignal; readonly stall?: StallLimit },
): AsyncGenerator<Buffer, void> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  options.signal.addEventListener("abort", end, { once: true });
  const stall = new StallWatch(options.stall ?? STALL_LIMIT, end);
  let response: IncomingMessage | undefined;
  try {
    if (options.signal.aborted) throw cancelled();
    response = await follow(url, range.from, options.connections, stop.signal);
    const expected = checkHead(response, range);
    let received = 0;
    for await (const piece of response as AsyncIterable<Buffer>) {
      received += piece.length;
      if (received > expected) throw transient("server error: received more bytes than requested");
      stall.received(piece.length);
      yield piece;
      stall.wait();
    }
    if (received < expected) throw transient("server error: received less bytes than requested");
  } catch (error) {
    if (options.signal.aborted) throw cancelled();
    if (stall.stalled) throw transient(`stalled: less than ${(options.stall ?? STALL_LIMIT).bytesPerSecond} bytes/s`);
    throw error;
  } finally {
    options.signal.removeEventListener("abort", end);
    stall.end();
    response?.destroy();
  }
}

/** Redirects lead from http to anywhere, from https to https only. (§9.7) */
async function follow(
  first: string,
  from: number,
  connections: Connections,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  let url = first;
  for (let hop = 0; hop <= REDIRECTS; hop += 1) {
    const response = await ask(url, from, connections, signal);
    const { statusCode = 0, headers } = response;
    if (![301, 302, 303, 307, 308].includes(statusCode)) return response;
    response.destroy();
    const next = new URL(headers.location ?? "", url);
    if (next.protocol !== "https:" && !(next.protocol === "http:" && first.startsWith("http:"))) {
      throw new TransferFault("permanent", `refusing to be redirected to ${withoutQuery(next.href)}`);
    }
    url = next.href;
  }
  throw transient("too many redirects");
}

function ask(url: string, from: number, connections: Connections, signal: AbortSignal): Promise<IncomingMessage> {
  const headers = { "accept-encoding": "identity", ...(from > 0 ? { range: `bytes=${from}-` } : {}) };
  return new Promise((resolve, reject) => {
    const request = url.startsWith("https:")
      ? https().request(url, { agent: connections.https, headers, signal })
      : http().request(url, { agent: connections.http, headers, signal });
    request.once("response", resolve);
    request.once("error", reject);
    request.end();
  });
}

/** @returns how many bytes have to come @throws TransferFault */
function checkHead(
  response: IncomingMessage,
  { from, size }: { readonly from: number; readonly size: number },
): number {
  const { statusCode = 0, headers } = response;
  if (statusCode !== 200 && statusCode !== 206) throw faultOfStatus(statusCode, headers["retry-after"]);
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") throw transient(`the body is encoded with ${encoding.slice(0, 40)}`);
  if (statusCode === 200 && from > 0) {
    throw new TransferFault("range-unsupported", "the server sent all of the object instead of a range");
  }
  if (statusCode === 206) {
    const range = headers["content-range"] ?? "";
    const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(range);
    const right = match !== null && Number(match[1]) === from && Number(match[2]) === size - 1;
    if (!right) throw transient(`the server sent the wrong range '${range.slice(0, 60)}'`);
  }
  const length = headers["content-length"];
  if (length !== undefined && Number(length) !== size - from) {
    throw transient(`the server sends ${length} bytes instead of ${size - from}`);
  }
  return size - from;
}

/** Only the time in which data is waited for counts: a consumer may be slow, or held back by a bandwidth cap. */
class StallWatch {
  stalled = false;
  readonly #timer: NodeJS.Timeout;
  #since: number | undefined = monotonicMs();
  #waited = 0;
  #bytes = 0;

  constructor(limit: StallLimit, stalled: () => void) {
    this.#timer = setInterval(() => {
      const waited = this.#waited + (this.#since === undefined ? 0 : monotonicMs() - this.#since);
      if (waited < limit.windowMs) return;
      if (this.#bytes * 1000 < limit.bytesPerSecond * waited) {
        this.stalled = true;
        stalled();
      }
      this.#waited = 0;
      this.#bytes = 0;
      if (this.#since !== undefined) this.#since = monotonicMs();
    }, limit.windowMs / 20);
  }

  received(bytes: number): void {
    this.#bytes += bytes;
    if (this.#since !== undefined) this.#waited += monotonicMs() - this.#since;
    this.#since = undefined;
  }

  wait(): void {
    this.#since = monotonicMs();
  }

  end(): void {
    clearInterval(this.#timer);
  }
}

const transient = (message: string): TransferFault => new TransferFault("transient", message);
