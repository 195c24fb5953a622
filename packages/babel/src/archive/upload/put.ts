import { createHash } from "node:crypto";
import { once } from "node:events";
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { Connections } from "../transfer/agents.ts";
import { faultOfAnswer, REASON_BYTES, TransferFault } from "../transfer/fault.ts";
import { cancelled } from "../transfer/retry.ts";
import { STALL_LIMIT, type StallLimit, StallWatch } from "../transfer/stall-watch.ts";
import type { Throttle } from "../transfer/throttle.ts";
import { bodyChanged } from "./body.ts";

export type PutRequest = {
  /** Signed; never logged. */
  readonly url: string;
  /** To be sent as they are. */
  readonly headers: Readonly<Record<string, string>>;
  readonly size: number;
  /** sha256 of the body, hex, if it could have changed since; the url itself may say what the body has to be. */
  readonly checksum?: string;
  /** A piece has to stay as it is until the next but one is asked for. */
  readonly pieces: Iterable<Buffer>;
  readonly signal: AbortSignal;
  /** Bytes that were handed to the network. */
  readonly onSent: (bytes: number) => void;
};

/** Bodies from this size on wait until the store has seen the headers: a refused one is not sent. (D5-09) */
const EXPECT_FROM = 64 * 1024 * 1024;
/** Stores that know nothing of it get the body after this. */
const CONTINUE_MS = 3000;

/** One client for all objects of a job: connections are kept and used again. */
export class ObjectPutter {
  readonly #connections = new Connections();
  readonly #throttle: Throttle;
  readonly #stall: StallLimit;

  constructor(throttle: Throttle, stall: StallLimit = STALL_LIMIT) {
    this.#throttle = throttle;
    this.#stall = stall;
  }

  close(): void {
    this.#connections.close();
  }

  /** Stores one object. @throws TransferFault of any class; whatever the pieces throw */
  async put(put: PutRequest): Promise<void> {
    if (put.signal.aborted) throw cancelled();
    const secure = new URL(put.url).protocol === "https:";
    const expect = put.size > EXPECT_FROM ? { expect: "100-continue" } : {};
    const sending = (secure ? httpsRequest : httpRequest)(put.url, {
      method: "PUT",
      headers: { ...put.headers, ...expect, "content-length": put.size },
      agent: secure ? this.#connections.https : this.#connections.http,
    });
    const abort = () => sending.destroy(cancelled());
    put.signal.addEventListener("abort", abort, { once: true });
    const stall = new StallWatch(this.#stall, () => {
      sending.destroy(new TransferFault("stalled", `stalled: less than ${this.#stall.bytesPerSecond} bytes/s`));
    });
    // Both may fail, and only the first that does is looked at.
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      sending.once("response", resolve).once("error", reject);
    });
    answered.catch(() => undefined);
    try {
      const early = await this.#send(sending, put, answered, stall);
      await checkAnswer(early ?? (await answered));
    } catch (error) {
      sending.destroy();
      throw error;
    } finally {
      stall.end();
      put.signal.removeEventListener("abort", abort);
    }
  }

  /** Resolves to the answer if it came before the body was sent. */
  async #send(
    sending: ClientRequest,
    put: PutRequest,
    answered: Promise<IncomingMessage>,
    stall: StallWatch,
  ): Promise<IncomingMessage | undefined> {
    if (sending.getHeader("expect") !== undefined) {
      sending.flushHeaders();
      const go = new AbortController();
      const { signal } = go;
      const patience = setTimeout(() => go.abort(), CONTINUE_MS);
      const early = await Promise.race([
        answered,
        once(sending, "continue", { signal }).then(
          () => undefined,
          () => undefined,
        ),
      ]).finally(() => clearTimeout(patience));
      if (early !== undefined) return early;
    }
    let answer: IncomingMessage | undefined;
    answered.then(
      (message) => {
        answer = message;
      },
      () => undefined,
    );
    const hash = put.checksum === undefined ? undefined : createHash("sha256");
    let sent = 0;
    let flushed: Promise<unknown> = Promise.resolve();
    for (const piece of put.pieces) {
      hash?.update(piece);
      sent += piece.length;
      if (sent > put.size) throw bodyChanged();
      // The last byte decides whether the object exists at all: it is sent once all of them are known to be right.
      if (sent === put.size && hash?.digest("hex") !== put.checksum) throw bodyChanged();
      stall.rest();
      await this.#throttle.take(piece.length, put.signal);
      stall.wait();
      // While the last piece is on its way the next one is read, but no more.
      await Promise.race([flushed, answered]);
      if (answer !== undefined) return answer;
      flushed = new Promise<void>((resolve) => void sending.write(piece, () => resolve()));
      stall.passed(piece.length);
      put.onSent(piece.length);
    }
    await Promise.race([flushed, answered]);
    if (answer !== undefined) return answer;
    if (sent !== put.size) throw bodyChanged();
    sending.end();
    return undefined;
  }
}

async function checkAnswer(answer: IncomingMessage): Promise<void> {
  const status = answer.statusCode ?? 0;
  const text = await startOf(answer);
  if (status >= 200 && status < 300) return;
  const fault = faultOfAnswer(status, answer.headers["retry-after"], text);
  // What a store says about a body that came damaged.
  if (fault.kind === "permanent" && (status === 400 || status === 422))
    throw new TransferFault("corrupt", fault.message);
  throw fault;
}

/** Reads an answer to its end, so that the connection can be used again, and drops one that never ends. */
async function startOf(answer: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of answer as AsyncIterable<Buffer>) {
    text += piece.toString("latin1");
    if (text.length > REASON_BYTES) break;
  }
  return text;
}
