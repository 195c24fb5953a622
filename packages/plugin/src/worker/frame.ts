/**
 * A message on the pipe between host and worker: the length of its JSON and of the bytes behind it (two u32, little-endian), then both.
 * JSON, as what a worker says is not to be trusted: nothing but plain data can come out of it.
 */
export interface Frame {
  readonly message: unknown;
  /** What JSON cannot hold: the content of a file or a secret. */
  readonly bytes: Uint8Array | undefined;
}

/** Most bytes of the two parts. */
export interface FrameLimits {
  readonly json: number;
  readonly bytes: number;
}

export class FrameError extends Error {}

export const HEADER_BYTES = 8;

/** Stands for "no bytes"; a file may be empty. */
const NONE = 0xffff_ffff;

/** Throws `FrameError` for one that the other side would not take. */
export function encodeFrame(message: object, bytes: Uint8Array | undefined, limits: FrameLimits): Buffer {
  const json = Buffer.from(JSON.stringify(message));
  if (json.length > limits.json) throw new FrameError(`${json.length} bytes are more than ${limits.json}`);
  if (bytes !== undefined && bytes.length > limits.bytes)
    throw new FrameError(`${bytes.length} bytes are more than ${limits.bytes}`);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(json.length, 0);
  header.writeUInt32LE(bytes?.length ?? NONE, 4);
  return Buffer.concat(bytes === undefined ? [header, json] : [header, json, bytes]);
}

export interface FrameSizes {
  readonly json: number;
  readonly bytes: number | undefined;
}

/** Throws `FrameError` when it announces more than is taken. */
export function readHeader(header: Buffer, limits: FrameLimits): FrameSizes {
  const [json, bytes] = [header.readUInt32LE(0), header.readUInt32LE(4)];
  if (json > limits.json || (bytes !== NONE && bytes > limits.bytes)) throw new FrameError("a message is too large");
  return { json, bytes: bytes === NONE ? undefined : bytes };
}

/** `body` is what follows the header. Throws for what is no JSON. */
export function decodeBody(body: Buffer, { json, bytes }: FrameSizes): Frame {
  const message: unknown = JSON.parse(body.toString("utf8", 0, json));
  return {
    message,
    bytes: bytes === undefined ? undefined : new Uint8Array(body.buffer, body.byteOffset + json, bytes),
  };
}

/** Cuts a stream into frames; holds at most one that is not complete. */
export class FrameReader {
  readonly #limits: FrameLimits;
  #chunks: Buffer[] = [];
  #held = 0;
  #sizes: FrameSizes | undefined;

  constructor(limits: FrameLimits) {
    this.#limits = limits;
  }

  /** The frames that `chunk` completes. Throws for what is none; the stream is of no more use then. */
  *push(chunk: Buffer): Generator<Frame> {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    for (;;) {
      if (this.#sizes === undefined) {
        if (this.#held < HEADER_BYTES) return;
        this.#sizes = readHeader(this.#take(HEADER_BYTES), this.#limits);
      }
      const length = this.#sizes.json + (this.#sizes.bytes ?? 0);
      if (this.#held < length) return;
      const sizes = this.#sizes;
      this.#sizes = undefined;
      yield decodeBody(this.#take(length), sizes);
    }
  }

  #take(length: number): Buffer {
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.#chunks = all.length > length ? [all.subarray(length)] : [];
    this.#held = all.length - length;
    return all.subarray(0, length);
  }
}
