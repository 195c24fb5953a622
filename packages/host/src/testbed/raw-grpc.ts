import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from "node:http2";
import { connect as connectSocket } from "node:net";

/** A gRPC client that sends what no client of ours would. */
export interface RawGrpc {
  readonly session: ClientHttp2Session;
  /** Begins a call. */
  call(path: string, headers?: OutgoingHttpHeaders): ClientHttp2Stream;
  close(): void;
}

export function rawGrpc(socket: string, authorization: string): RawGrpc {
  const session = connect("http://raw", { createConnection: () => connectSocket(socket) });
  session.on("error", () => {});
  return {
    session,
    call: (path, headers = {}) => {
      const stream = session.request({
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc+proto",
        authorization,
        ...headers,
      });
      stream.on("error", () => {});
      return stream;
    },
    close: () => session.destroy(),
  };
}

/** The five bytes before a message. */
export function messageHead(length: number, flags = 0): Buffer {
  const head = Buffer.alloc(5, flags);
  head.writeUInt32BE(length, 1);
  return head;
}

/** Sends a part over and over, for as long as it is wanted, up to so many bytes. */
export async function pour(stream: ClientHttp2Stream, part: readonly number[], bytes: number): Promise<void> {
  const piece = Buffer.alloc(64 * 1024, Buffer.from(part));
  const closed = once(stream, "close");
  for (let left = bytes; left > 0 && !stream.closed; left -= piece.length) {
    if (!stream.write(piece.subarray(0, left))) await Promise.race([once(stream, "drain"), closed]);
  }
}

/** `grpc-status` and `grpc-message` of an answer; undefined when the stream ends without. */
export function statusOf(stream: ClientHttp2Stream): Promise<readonly [number, string] | undefined> {
  return new Promise((resolve) => {
    const take = (headers: Readonly<Record<string, unknown>>): void => {
      const status = headers["grpc-status"];
      if (status !== undefined) resolve([Number(status), decodeURIComponent(String(headers["grpc-message"] ?? ""))]);
    };
    stream.on("response", take).on("trailers", take).resume();
    stream.once("close", () => resolve(undefined));
  });
}
