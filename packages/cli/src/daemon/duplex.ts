import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";
import { envelope } from "./envelopes.ts";

/** How one half of a connection is opened; see `DaemonClient.duplex`. */
export interface Duplex {
  /** Resolves once there is room for more. What cannot be sent any more is dropped: the other half tells why. */
  send(message: object): Promise<void>;
  /** What comes back, with the head of the answer. Rejects when there is none. */
  readonly answer: Promise<{
    readonly statusCode: number;
    readonly headers: Readonly<Record<string, unknown>>;
    readonly body: AsyncIterable<Buffer>;
  }>;
  /** Ends the call, whatever is under way. */
  cut(): void;
}

/** A call in which both sides speak when they like. Connect has these over HTTP/2 only. */
export function openDuplex(socketPath: string, path: string): Duplex {
  const { connect } = process.getBuiltinModule("node:http2");
  const session: ClientHttp2Session = connect("http://blockvisord", {
    createConnection: () => process.getBuiltinModule("node:net").connect(socketPath),
  });
  const stream: ClientHttp2Stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/connect+json",
    "connect-protocol-version": "1",
  });
  const { promise: answer, resolve, reject } = Promise.withResolvers<Awaited<Duplex["answer"]>>();
  // A stream that was cancelled says what became of its session.
  for (const half of [session, stream]) half.on("error", (error) => reject(error.cause ?? error));
  stream.once("close", () => reject(new Error("the daemon closed it without an answer")));
  stream.once("response", (headers) =>
    resolve({ statusCode: headers[":status"] ?? 0, headers, body: stream as AsyncIterable<Buffer> }),
  );
  answer.catch(() => {});
  return {
    answer,
    cut: () => session.destroy(),
    send: (message) =>
      new Promise((done) => {
        if (stream.destroyed || stream.write(envelope(JSON.stringify(message)))) return done();
        const go = (): void => {
          stream.off("drain", go).off("close", go);
          done();
        };
        stream.on("drain", go).on("close", go);
      }),
  };
}
