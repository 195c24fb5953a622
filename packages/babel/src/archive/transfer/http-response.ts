import type { Connection } from "./connection.ts";
import { TransferFault } from "./fault.ts";

const HEAD_LIMIT = 32 * 1024;
const END = Buffer.from("\r\n\r\n");

export type ResponseHead = {
  readonly status: number;
  /** Names in lower case; the first one counts. */
  readonly headers: Readonly<Record<string, string>>;
};

/** A response to a GET as it comes from a connection: head, then pieces of the body, with `Content-Length`, chunked, or until the end. (RFC 9112) */
export class HttpResponse {
  readonly head: ResponseHead;
  readonly #connection: Connection;
  /** Came together with the head, or with the end of a chunk's line. */
  #rest: Buffer;
  /** All of the body came, and the connection may be used again. */
  reusable = false;

  private constructor(connection: Connection, head: ResponseHead, rest: Buffer) {
    this.#connection = connection;
    this.head = head;
    this.#rest = rest;
  }

  /** @throws TransferFault `transient` for what is no HTTP */
  static async receive(connection: Connection): Promise<HttpResponse> {
    let bytes = Buffer.of();
    for (;;) {
      const end = bytes.indexOf(END);
      if (end !== -1) {
        const head = parseHead(bytes.toString("latin1", 0, end));
        bytes = bytes.subarray(end + END.length);
        if (head.status >= 200) return new HttpResponse(connection, head, bytes);
        continue; // informational: the response comes after it
      }
      if (bytes.length > HEAD_LIMIT) throw broken("the head of its response is too long");
      const piece = await connection.read();
      if (piece === undefined) throw broken("the server closed the connection without a response");
      bytes = Buffer.concat([bytes, piece]);
    }
  }

  /** Pieces of the body; each is overwritten when the next one is asked for. */
  async *body(): AsyncGenerator<Buffer, void> {
    const { headers } = this.head;
    if (headers["transfer-encoding"] !== undefined) yield* this.#chunked();
    else if (headers["content-length"] !== undefined) yield* this.#counted(Number(headers["content-length"]));
    else {
      for (let piece = await this.#next(); piece !== undefined; piece = await this.#next()) yield piece;
      return;
    }
    this.reusable = this.#rest.length === 0 && !/\bclose\b/i.test(headers["connection"] ?? "");
  }

  /** The rest is of no interest. */
  abandon(): void {
    this.#connection.destroy();
  }

  async *#counted(length: number): AsyncGenerator<Buffer, void> {
    for (let left = length; left > 0; ) {
      const piece = await this.#next();
      if (piece === undefined) throw broken("server error: received less bytes than requested");
      const part = piece.subarray(0, left);
      this.#rest = piece.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  async *#chunked(): AsyncGenerator<Buffer, void> {
    for (;;) {
      const size = /^[0-9a-f]{1,12}/i.exec(await this.#line())?.[0];
      if (size === undefined) throw broken("the server sent a malformed chunk");
      if (Number.parseInt(size, 16) === 0) break;
      yield* this.#counted(Number.parseInt(size, 16));
      if ((await this.#line()) !== "") throw broken("the server sent a malformed chunk");
    }
    while ((await this.#line()) !== ""); // trailers
  }

  async #line(): Promise<string> {
    let text = Buffer.of();
    for (;;) {
      const end = text.indexOf("\r\n");
      if (end !== -1) {
        this.#rest = text.subarray(end + 2);
        return text.toString("latin1", 0, end);
      }
      if (text.length > HEAD_LIMIT + 256 * 1024) throw broken("the server sent a malformed chunk");
      const piece = await this.#next();
      if (piece === undefined) throw broken("server error: received less bytes than requested");
      text = Buffer.concat([text, piece]);
    }
  }

  async #next(): Promise<Buffer | undefined> {
    if (this.#rest.length === 0) return this.#connection.read();
    const rest = this.#rest;
    this.#rest = Buffer.of();
    return rest;
  }
}

function parseHead(text: string): ResponseHead {
  const [first = "", ...lines] = text.split("\r\n");
  const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first)?.[1];
  if (status === undefined) throw broken("the server does not speak HTTP/1.1");
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers[line.slice(0, colon).trim().toLowerCase()] ??= line.slice(colon + 1).trim();
  }
  // An older server closes the connection, whether it says so or not.
  if (first.startsWith("HTTP/1.0")) headers["connection"] = "close";
  return { status: Number(status), headers };
}

const broken = (message: string): TransferFault => new TransferFault("transient", message);
