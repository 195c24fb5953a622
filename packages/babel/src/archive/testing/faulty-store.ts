import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** What can be wrong with an exchange; offsets count bytes of the body from where the exchange begins. */
export type Fault =
  /** The connection is reset after so many bytes. */
  | { readonly kind: "reset"; readonly after: number }
  /** Nothing more comes after so many bytes, but the connection stays. Of an object the rest comes in the end, if there is one. */
  | { readonly kind: "stall"; readonly after: number; readonly until?: Promise<void> }
  /** The body ends after so many bytes as if that were all. */
  | { readonly kind: "truncate"; readonly after: number }
  /** A bit of the byte is another one. */
  | { readonly kind: "flip"; readonly at: number }
  /** So many bytes more than asked for. */
  | { readonly kind: "oversize"; readonly by: number }
  /** Content-Range, and the body, begin so many bytes later than asked for. */
  | { readonly kind: "wrong-range"; readonly by: number }
  /** The whole object with 200, although a range was asked for. */
  | { readonly kind: "ignore-range" }
  /** The object is stored, but nobody is told. */
  | { readonly kind: "lost" }
  /** An error page, with a status that says otherwise. */
  | { readonly kind: "page" }
  | { readonly kind: "status"; readonly status: number; readonly retryAfter?: string; readonly reason?: string }
  | { readonly kind: "slow"; readonly bytesPerSecond: number };

export type Exchange = {
  readonly method: string;
  readonly key: string;
  /** First byte that was asked for. */
  readonly from: number;
  /** Exchanges about this key so far, this one included. */
  readonly attempt: number;
  readonly headers: IncomingMessage["headers"];
};

export type StoreCounters = {
  requests: number;
  /** Bytes of bodies that were sent. */
  sent: number;
  /** Bytes of bodies that came in. */
  received: number;
  active: number;
  /** Most exchanges at the same time. */
  peak: number;
};

const PIECE = 64 * 1024;

/**
 * An object store on loopback with signed, expiring urls, whose exchanges fail as a test wants them to. Without faults it behaves as S3 does
 * with `GET` (with `Range`) and `PUT`.
 */
export class FaultyStore {
  readonly objects = new Map<string, Uint8Array>();
  readonly counters: StoreCounters = { requests: 0, sent: 0, received: 0, active: 0, peak: 0 };
  /** Asked about every exchange, which waits for the answer. */
  fault: (exchange: Exchange) => Fault | undefined | Promise<Fault | undefined> = () => undefined;
  /** Told about every piece of a body that is sent. */
  sending: () => void = () => undefined;
  readonly #attempts = new Map<string, number>();
  readonly #server: Server;
  #secret = randomBytes(8).toString("hex");

  private constructor() {
    this.#server = createServer((request, response) => {
      this.counters.active += 1;
      this.counters.peak = Math.max(this.counters.peak, this.counters.active);
      response.once("close", () => {
        this.counters.active -= 1;
      });
      this.#handle(request, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<FaultyStore> {
    const store = new FaultyStore();
    store.#server.listen(0, "127.0.0.1");
    await once(store.#server, "listening");
    return store;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** @param expiresInMs from then on the url is answered with 403 */
  url(key: string, expiresInMs = 3_600_000): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/${key}?expires=${Date.now() + expiresInMs}&signature=${this.#secret}`;
  }

  /** No url that was handed out so far is any good. */
  expireUrls(): void {
    this.#secret = randomBytes(8).toString("hex");
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://store");
    const key = decodeURIComponent(pathname.slice(1));
    const method = request.method ?? "";
    const attempt = (this.#attempts.get(key) ?? 0) + 1;
    this.#attempts.set(key, attempt);
    this.counters.requests += 1;
    if (searchParams.get("signature") !== this.#secret || Number(searchParams.get("expires")) < Date.now()) {
      return void answer(response, 403, "<Error><Code>AccessDenied</Code></Error>");
    }
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const from = Number(range?.[1] ?? 0);
    const fault = await this.fault({ method, key, from, attempt, headers: request.headers });
    if (fault?.kind === "status") {
      const retry = fault.retryAfter === undefined ? {} : { "retry-after": fault.retryAfter };
      const reason = fault.reason === undefined ? "<Error/>" : `<Error><Code>${fault.reason}</Code></Error>`;
      return void answer(response, fault.status, reason, retry);
    }
    if (method === "PUT") return this.#take(request, response, key, fault);
    const object = this.objects.get(key);
    if (object === undefined) return void answer(response, 404, "<Error><Code>NoSuchKey</Code></Error>");
    const to = Math.min(object.length, range?.[2] ? Number(range[2]) + 1 : object.length);
    if (range !== null && from >= object.length) return void answer(response, 416, "");
    return this.#give(response, object, range === null ? undefined : [from, to], fault);
  }

  async #give(
    response: ServerResponse,
    object: Uint8Array,
    range: readonly [number, number] | undefined,
    fault: Fault | undefined,
  ): Promise<void> {
    const ignored = fault?.kind === "ignore-range" || range === undefined;
    const shift = fault?.kind === "wrong-range" ? fault.by : 0;
    const [from, to] = ignored ? [0, object.length] : [range[0] + shift, range[1]];
    let body = object.subarray(from, to);
    if (fault?.kind === "page") body = Buffer.from("<html>a proxy's opinion</html>");
    if (fault?.kind === "oversize") body = Buffer.concat([body, Buffer.alloc(fault.by)]);
    if (fault?.kind === "flip" && fault.at < body.length) {
      body = Uint8Array.from(body);
      body[fault.at] = (body[fault.at] ?? 0) ^ 1;
    }
    if (fault?.kind === "truncate") body = body.subarray(0, fault.after);
    response.writeHead(ignored ? 200 : 206, {
      "content-length": body.length,
      "content-type": fault?.kind === "page" ? "text/html" : "application/octet-stream",
      ...(ignored ? {} : { "content-range": `bytes ${from}-${to - 1}/${object.length}` }),
    });
    response.flushHeaders();
    const closed = once(response, "close");
    closed.catch(() => undefined);
    let cut = fault?.kind === "reset" || fault?.kind === "stall" ? fault.after : Number.POSITIVE_INFINITY;
    for (let at = 0; at < body.length; at += PIECE) {
      const piece = body.subarray(at, Math.min(at + PIECE, cut, body.length));
      if (fault?.kind === "slow") await delay((piece.length * 1000) / fault.bytesPerSecond);
      this.counters.sent += piece.length;
      this.sending();
      if (piece.length > 0 && !response.write(piece)) await Promise.race([once(response, "drain"), closed]);
      if (response.destroyed) return;
      if (at + PIECE < cut) continue;
      if (fault?.kind === "stall") {
        if (fault.until === undefined) return;
        await Promise.race([fault.until, closed]);
        at = cut - PIECE;
        cut = Number.POSITIVE_INFINITY;
        continue;
      }
      // What was written has to be on its way before the connection goes.
      await new Promise((resolve) => response.write("", resolve));
      response.socket?.resetAndDestroy();
      return;
    }
    response.end();
  }

  async #take(
    request: IncomingMessage,
    response: ServerResponse,
    key: string,
    fault: Fault | undefined,
  ): Promise<void> {
    const pieces: Buffer[] = [];
    let length = 0;
    for await (const piece of request as AsyncIterable<Buffer>) {
      length += piece.length;
      this.counters.received += piece.length;
      pieces.push(piece);
      if (fault?.kind === "slow") await delay((piece.length * 1000) / fault.bytesPerSecond);
      if (fault?.kind === "reset" && length > fault.after) return void request.socket.resetAndDestroy();
      if (fault?.kind === "stall" && length > fault.after) return;
    }
    if (Number(request.headers["content-length"]) !== length) return void answer(response, 411, "<Error/>");
    const body = Buffer.concat(pieces);
    if (fault?.kind === "flip" && fault.at < body.length) body[fault.at] = (body[fault.at] ?? 0) ^ 1;
    const digest = request.headers["x-amz-checksum-sha256"];
    if (digest !== undefined && createHash("sha256").update(body).digest("base64") !== digest) {
      return void answer(response, 400, "<Error><Code>BadDigest</Code></Error>");
    }
    this.objects.set(key, body);
    if (fault?.kind === "lost") return void request.socket.resetAndDestroy();
    answer(response, 200, "");
  }
}

function answer(response: ServerResponse, status: number, body: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/xml", "content-length": body.length, ...headers });
  response.end(body);
}
