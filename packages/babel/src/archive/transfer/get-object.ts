import { Connection } from "./connection.ts";
import { faultOfAnswer, REASON_BYTES, TransferFault, withoutQuery } from "./fault.ts";
import { HttpResponse, type ResponseHead } from "./http-response.ts";
import { cancelled } from "./retry.ts";
import { STALL_LIMIT, type StallLimit, StallWatch } from "./stall-watch.ts";

const REDIRECTS = 5;

const IDLE = 16;

/** Connections that are kept for the next request. */
export class KeptConnections {
  readonly #idle: Connection[] = [];

  take(url: URL): { readonly connection: Connection; readonly used: boolean } {
    const at = this.#idle.findLastIndex(({ origin, usable }) => usable && origin === url.origin);
    const [connection] = at === -1 ? [] : this.#idle.splice(at, 1);
    return connection === undefined ? { connection: new Connection(url), used: false } : { connection, used: true };
  }

  give(connection: Connection): void {
    this.#idle.push(connection);
    while (this.#idle.length > IDLE) this.#idle.shift()?.destroy();
  }

  close(): void {
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }
}

/**
 * The bytes of an object from an offset on, in pieces that are overwritten when the next one is asked for; exactly as many as the object should have,
 * or an error. (D4-08)
 *
 * @throws TransferFault
 */
export async function* getObject(
  url: string,
  range: { readonly from: number; readonly size: number },
  options: { readonly connections: KeptConnections; readonly signal: AbortSignal; readonly stall?: StallLimit },
): AsyncGenerator<Buffer, void> {
  const { signal, connections, stall: limit = STALL_LIMIT } = options;
  let open: Connection | undefined;
  let ended = false;
  const end = (): void => {
    ended = true;
    open?.destroy();
  };
  signal.addEventListener("abort", end, { once: true });
  const stall = new StallWatch(limit, end);
  try {
    if (signal.aborted) throw cancelled();
    const response = await follow(url, range.from, connections, (connection) => {
      open = connection;
      if (ended) connection.destroy();
    });
    if (![200, 206].includes(response.head.status)) throw await faultOfRefusal(response);
    const expected = checkHead(response.head, range);
    let received = 0;
    for await (const piece of response.body()) {
      received += piece.length;
      if (received > expected) throw transient("server error: received more bytes than requested");
      stall.passed(piece.length);
      stall.rest();
      yield piece;
      stall.wait();
    }
    if (received < expected) throw transient("server error: received less bytes than requested");
    if (!response.reusable || open === undefined) return;
    connections.give(open);
    open = undefined;
  } catch (error) {
    if (signal.aborted) throw cancelled();
    if (stall.stalled) throw new TransferFault("stalled", `stalled: less than ${limit.bytesPerSecond} bytes/s`);
    throw error;
  } finally {
    signal.removeEventListener("abort", end);
    stall.end();
    open?.destroy();
  }
}

/** Redirects lead from http to anywhere, from https to https only. (§9.7) */
async function follow(
  first: string,
  from: number,
  connections: KeptConnections,
  opened: (connection: Connection) => void,
): Promise<HttpResponse> {
  let url = new URL(first);
  for (let hop = 0; hop <= REDIRECTS; hop += 1) {
    const response = await ask(url, from, connections, opened);
    const { status, headers } = response.head;
    if (![301, 302, 303, 307, 308].includes(status)) return response;
    response.abandon();
    const next = URL.parse(headers["location"] ?? "", url.href);
    if (next === null) throw transient("the store leads to what is no URL");
    if (next.protocol !== "https:" && !(next.protocol === "http:" && first.startsWith("http:"))) {
      throw new TransferFault("permanent", `refusing to be redirected to ${withoutQuery(next.href)}`);
    }
    url = next;
  }
  throw transient("too many redirects");
}

async function ask(
  url: URL,
  from: number,
  connections: KeptConnections,
  opened: (connection: Connection) => void,
): Promise<HttpResponse> {
  const lines = [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    "Accept-Encoding: identity",
    "User-Agent: blockvisor",
    ...(from > 0 ? [`Range: bytes=${from}-`] : []),
  ];
  for (;;) {
    const { connection, used } = connections.take(url);
    opened(connection);
    connection.send(`${lines.join("\r\n")}\r\n\r\n`);
    try {
      return await HttpResponse.receive(connection);
    } catch (error) {
      connection.destroy();
      // A kept connection may have been closed by the other side just now.
      if (!used) throw error;
    }
  }
}

async function faultOfRefusal(response: HttpResponse): Promise<TransferFault> {
  const { status, headers } = response.head;
  let text = "";
  // Of other statuses the number says it all.
  for await (const piece of status === 400 ? response.body() : []) {
    text += piece.toString("latin1");
    if (text.length > REASON_BYTES) break;
  }
  return faultOfAnswer(status, headers["retry-after"], text);
}

/** @returns how many bytes have to come @throws TransferFault */
function checkHead(
  { status, headers }: ResponseHead,
  { from, size }: { readonly from: number; readonly size: number },
): number {
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") throw transient(`the body is encoded with ${encoding.slice(0, 40)}`);
  if (status === 200 && from > 0) {
    throw new TransferFault("range-unsupported", "the server sent all of the object instead of a range");
  }
  if (status === 206) {
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

const transient = (message: string): TransferFault => new TransferFault("transient", message);
