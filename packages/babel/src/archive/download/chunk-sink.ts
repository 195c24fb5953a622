import { readSync } from "node:fs";
import { errnoOf, messageOf } from "../../errno.ts";
import { type Chunk, type Codec, contentSize } from "../format/chunk.ts";
import { type StreamingHash, streamingHash } from "../format/hash.ts";
import { faultOf, TransferFault } from "../transfer/fault.ts";
import { FRAME_HEADER_BYTES, SMALL_WINDOW_LOG, WINDOW_LOG, windowLogOf } from "../transfer/zstd-frame.ts";
import { type Tree, writeAll } from "./tree.ts";
import { ZstdReader } from "./zstd-reader.ts";

/** Blocks of zeros, of this size and alignment, are left out where nothing was before: files stay as sparse as they were. */
const HOLE = 16 * 1024;
const ZEROS = Buffer.alloc(HOLE);

/** What the uncompressed bytes are for. */
type SinkPurpose = "write" | "compare";

export type SinkOptions = {
  readonly purpose: SinkPurpose;
  readonly chunk: Chunk;
  readonly codec: Codec;
  /** Final lengths of the files of the destinations. */
  readonly lengths: readonly number[];
  /** Nothing was ever written to the destinations. */
  readonly fresh: boolean;
  /** Room for decompressed bytes; sinks of one thread may share it. */
  readonly output: Uint8Array;
  /** The least that frames of the chunk are known to need. */
  readonly windowLog?: number;
};

/**
 * Where the stored bytes of one chunk go: hashed, decompressed, and written straight to their final offsets. Views only; the one copy is that of the
 * decompressor. (D4-07, D4-15)
 */
export class ChunkSink {
  /** Stored bytes so far. */
  received = 0;
  readonly #options: SinkOptions;
  readonly #tree: Tree;
  readonly #hash: StreamingHash;
  #zstd: ZstdReader | undefined;
  /** What came before there was enough to know how large a window the decompressor needs. */
  #head = Buffer.of();
  readonly #content: number;
  #written = 0;
  /** Destination that is being filled, and how far. */
  #destination = 0;
  #filled = 0;

  private constructor(options: SinkOptions, tree: Tree, hash: StreamingHash) {
    this.#options = options;
    this.#tree = tree;
    this.#hash = hash;
    this.#content = contentSize(options.chunk);
  }

  static async open(options: SinkOptions, tree: Tree): Promise<ChunkSink> {
    return new ChunkSink(options, tree, await streamingHash(options.chunk.checksum.algorithm));
  }

  /** How large a window is needed from this piece on, as a power of two; undefined: it is not known yet, or no other than before. */
  windowLogFrom(piece: Uint8Array): number | undefined {
    if (this.#options.codec !== "zstd" || this.#zstd !== undefined) return undefined;
    const head = Buffer.concat([this.#head, piece.subarray(0, FRAME_HEADER_BYTES)]);
    if (head.length < this.#headBytes) return undefined;
    return Math.min(Math.max(windowLogOf(head), this.#options.windowLog ?? SMALL_WINDOW_LOG), WINDOW_LOG);
  }

  /** @returns uncompressed bytes that were written @throws TransferFault `corrupt`; LargerWindow; errors of the file system */
  write(piece: Uint8Array): number {
    const before = this.#written;
    this.received += piece.length;
    this.#hash.update(piece);
    if (this.#options.codec === "zstd") this.#decompress(piece);
    else this.#spread(piece);
    return this.#written - before;
  }

  get #headBytes(): number {
    return Math.min(FRAME_HEADER_BYTES, this.#options.chunk.size);
  }

  #decompress(piece: Uint8Array): void {
    let input = piece;
    if (this.#zstd === undefined) {
      const windowLog = this.windowLogFrom(piece);
      input = this.#head = Buffer.concat([this.#head, piece]);
      if (windowLog === undefined) return;
      this.#zstd = new ZstdReader(this.#options.output, windowLog);
      this.#head = Buffer.of();
    }
    this.#zstd.feed(input, (output) => this.#spread(output));
  }

  /** All bytes came in: they have to be the right ones. @throws TransferFault `corrupt` */
  finish(): void {
    const { chunk } = this.#options;
    const digest = this.#hash.digest();
    if (digest !== chunk.checksum.hex) {
      const { algorithm, hex } = chunk.checksum;
      throw corrupt(`chunk checksum mismatch - expected ${algorithm} ${hex}, actual ${digest}`);
    }
    if (this.#written !== this.#content) {
      throw corrupt(`it holds ${this.#written} bytes, but its destinations have ${this.#content}`);
    }
    this.#passEmpty();
  }

  close(): void {
    this.#zstd?.close();
  }

  #spread(bytes: Uint8Array): void {
    if (this.#written + bytes.length > this.#content) {
      throw corrupt(`it holds more than the ${this.#content} bytes of its destinations`);
    }
    const { chunk, lengths } = this.#options;
    let at = 0;
    while (at < bytes.length) {
      this.#passEmpty();
      const { path, pos, size } = chunk.destinations[this.#destination]!;
      const part = bytes.subarray(at, at + Math.min(bytes.length - at, size - this.#filled));
      const length = lengths[this.#destination]!;
      if (this.#options.purpose === "compare") this.#compare(path, length, part, pos + this.#filled);
      else writing(path, () => this.#write(path, length, part, pos + this.#filled));
      at += part.length;
      this.#filled += part.length;
      this.#written += part.length;
      if (this.#filled === size) this.#next();
    }
  }

  /** Creates the empty files that come next. */
  #passEmpty(): void {
    const { destinations } = this.#options.chunk;
    for (let next = destinations[this.#destination]; next?.size === 0; next = destinations[this.#destination]) {
      const length = this.#options.lengths[this.#destination]!;
      if (this.#options.purpose === "compare") this.#compare(next.path, length, Buffer.of(), 0);
      else writing(next.path, () => this.#write(next!.path, length, Buffer.of(), 0));
      this.#next();
    }
  }

  #next(): void {
    this.#destination += 1;
    this.#filled = 0;
  }

  #compare(path: string, length: number, bytes: Uint8Array, position: number): void {
    const there = Buffer.allocUnsafe(bytes.length);
    const same = this.#tree.visit(path, (fd, { size }) => size === length && readAll(path, fd, there, position));
    if (same !== true) throw new Damaged(`'${path}' is missing, or does not have ${length} bytes`);
    if (there.compare(bytes) !== 0)
      throw new Damaged(`'${path}' differs between bytes ${position} and ${position + bytes.length}`);
  }

  #write(path: string, length: number, bytes: Uint8Array, position: number): void {
    const whole = bytes.length === length && length < HOLE;
    if (whole && this.#options.fresh && this.#tree.create(path, bytes)) return;
    this.#put(this.#tree.writable(path, length), bytes, position);
  }

  #put(file: number, bytes: Uint8Array, position: number): void {
    let from = 0;
    if (this.#options.fresh) {
      for (let at = (HOLE - (position % HOLE)) % HOLE; at + HOLE <= bytes.length; at += HOLE) {
        if (bytes[at] !== 0 || ZEROS.compare(bytes, at, at + HOLE) !== 0) continue;
        writeAll(file, bytes.subarray(from, at), position + from);
        from = at + HOLE;
      }
    }
    writeAll(file, bytes.subarray(from), position + from);
  }
}

/** The data on disk is not what the archive says. */
export class Damaged extends TransferFault {
  constructor(reason: string) {
    super("permanent", reason);
  }
}

/** What a disk says of a block that it cannot read. */
const UNREADABLE: readonly string[] = ["EIO", "EBADMSG", "EUCLEAN"];

/** @param path of the file @returns whether there is so much @throws Damaged if the disk cannot read it */
export function readAll(path: string, file: number, into: Uint8Array, position: number): boolean {
  let done = 0;
  while (done < into.length) {
    try {
      const read = readSync(file, into, done, into.length - done, position + done);
      if (read === 0) return false;
      done += read;
    } catch (error) {
      if (!UNREADABLE.includes(errnoOf(error) ?? "")) throw error;
      throw new Damaged(`'${path}' cannot be read from byte ${position + done} on: ${messageOf(error)}`);
    }
  }
  return true;
}

/** What the system says of a descriptor does not name the file. (§9.6) */
function writing(path: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    if (error instanceof TransferFault) throw error;
    const { kind, message } = faultOf(error);
    throw new TransferFault(kind, `can't write '${path}' in the data: ${message}`, { cause: error });
  }
}

const corrupt = (reason: string): TransferFault => new TransferFault("corrupt", reason);
