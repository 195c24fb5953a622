import type { DescMessage } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { decodedSize, MalformedMessage } from "./decoded-size.ts";

/** What the messages of a stream may be. */
export interface MessageLimits {
  /** Bytes of a message as it is sent. */
  readonly sent: number;
  /** Bytes of a message in memory (`decodedSize`). */
  readonly decoded: number;
  /** Bytes of a message that comes compressed; undefined: none may. How large it becomes is up to who decompresses it. */
  readonly compressed?: number;
  /** Bytes in memory of all messages of a call; undefined: they are not kept. */
  readonly together?: number;
}

/** How a body is read whose sender may take his time, and of whose like there may be many. */
export interface Reading {
  /** The longest that is waited for a message, from when it is asked for, and for a body. */
  readonly messageMs: number;
  readonly bodyMs: number;
  /** What is larger is read, and held until the next message is asked for, in turn. */
  readonly small: MessageLimits;
  /** Waits for the turn; what it returns ends it. */
  readonly turn: () => Promise<() => void>;
}

const headLength = 5;

/**
 * The messages of a gRPC body whose sender is hostile, each in one piece with its head, as the decoder wants them: none is too large, as it was sent
 * or decoded, and however small the pieces are that it comes in, they do not pile up.
 *
 * @throws ConnectError resource_exhausted, invalid_argument, deadline_exceeded
 */
export async function* boundedMessages(
  body: AsyncIterable<Uint8Array>,
  desc: DescMessage,
  limits: MessageLimits,
  reading?: Reading,
): AsyncGenerator<Uint8Array> {
  const bytes = new Incoming(body);
  const bodyEnd = performance.now() + (reading?.bodyMs ?? Number.POSITIVE_INFINITY);
  const next = (target: Uint8Array, start: number): Promise<number> =>
    reading === undefined
      ? bytes.fill(target, start)
      : inTime(bytes.fill(target, start), Math.min(reading.messageMs, bodyEnd - performance.now()));
  let together = 0;
  try {
    for (;;) {
      const head = new Uint8Array(headLength);
      const read = await next(head, 0);
      if (read === 0) return;
      if (read < headLength) throw cut();
      const isPlain = head[0] === 0;
      const most = isPlain ? limits.sent : limits.compressed;
      if (most === undefined) throw new ConnectError("messages are not to be compressed", Code.Unimplemented);
      const length = new DataView(head.buffer).getUint32(1);
      if (length > most) throw tooLarge(`has ${length} bytes`, most);
      let leave = length > (reading?.small.sent ?? length) ? await reading?.turn() : undefined;
      try {
        const message = new Uint8Array(headLength + length);
        message.set(head);
        if ((await next(message, headLength)) < length) throw cut();
        const size = isPlain ? sizeOf(desc, message.subarray(headLength), limits.decoded) : 0;
        together += size;
        if (together > (limits.together ?? together))
          throw tooLarge("and those before it take too much memory", limits.together);
        if (size > (reading?.small.decoded ?? size)) leave ??= await reading?.turn();
        yield message;
      } finally {
        leave?.();
      }
    }
  } finally {
    bytes.end();
  }
}

/** A body that is one message, without a head. @throws ConnectError resource_exhausted, invalid_argument */
export async function* boundedMessage(
  body: AsyncIterable<Uint8Array>,
  desc: DescMessage,
  limits: MessageLimits,
): AsyncGenerator<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of boundedBytes(body, limits.sent)) pieces.push(piece);
  const message = Buffer.concat(pieces);
  sizeOf(desc, message, limits.decoded);
  yield message;
}

/** A body of whatever kind. @throws ConnectError resource_exhausted */
export async function* boundedBytes(body: AsyncIterable<Uint8Array>, most: number): AsyncGenerator<Uint8Array> {
  let length = 0;
  for await (const piece of body) {
    length += piece.length;
    if (length > most) throw tooLarge(`has more than ${most} bytes`, most);
    yield piece;
  }
}

function sizeOf(desc: DescMessage, encoded: Uint8Array, most: number): number {
  try {
    const size = decodedSize(desc, encoded, most);
    if (size > most) throw tooLarge("has so many parts that it takes too much memory", most);
    return size;
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    throw new ConnectError(`a message is malformed: ${error.message}`, Code.InvalidArgument);
  }
}

const tooLarge = (what: string, most: number | undefined): ConnectError =>
  new ConnectError(`a message is too large: it ${what}, ${most} are allowed`, Code.ResourceExhausted);

const cut = (): ConnectError => new ConnectError("a message was cut", Code.InvalidArgument);

async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new ConnectError("the rest of the request did not come in time", Code.DeadlineExceeded));
  }, ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What comes is copied at once: a piece of one byte takes a hundred in memory. */
class Incoming {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#pieces = body[Symbol.asyncIterator]();
  }

  /** @returns bytes written from `start` on; fewer than there is room for when the body ended */
  async fill(target: Uint8Array, start: number): Promise<number> {
    let at = start;
    while (at < target.length) {
      if (this.#rest.length === 0) {
        const { done, value } = await this.#pieces.next();
        if (done) break;
        this.#rest = value;
      }
      const taken = this.#rest.subarray(0, target.length - at);
      target.set(taken, at);
      at += taken.length;
      this.#rest = this.#rest.subarray(taken.length);
    }
    return at - start;
  }

  /** Nobody reads on. It is not waited for: a piece may be under way that never comes. */
  end(): void {
    void this.#pieces.return?.()?.catch(() => undefined);
  }
}
