import { createHash } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { constants, zstdCompressSync } from "node:zlib";
import { FrameEncoder } from "./frame.ts";
import { type SourceRange, SourceReader } from "./source-reader.ts";

export type Preparation = {
  readonly root: string;
  readonly ranges: readonly SourceRange[];
  /** Zstd level; undefined: stored as it is. */
  readonly level?: number;
  /** What hardly gets smaller may be stored as it is. (§9.4) */
  readonly mayStayRaw: boolean;
  /** Only the hash of the content is wanted. */
  readonly hashOnly: boolean;
  /** Where compressed bytes go that are too many for memory. */
  readonly spool: string;
};

/** What is to be sent. `source`: the content of the ranges itself. */
export type Body =
  | { readonly kind: "memory"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "spool"; readonly path: string }
  | { readonly kind: "source" };

export type Prepared = {
  readonly body: Body;
  /** Stored bytes. */
  readonly size: number;
  /** sha256 of the stored bytes, hex. */
  readonly checksum: string;
  /** sha256 of the uncompressed bytes, hex. */
  readonly content: string;
};

/** Large, for each piece is handed to another thread and back. */
const PIECE = 2 * 1024 * 1024;
const SAMPLE = 1024 * 1024;
const MEMORY = 4 * 1024 * 1024;
/** Below this share of saved bytes compression is not worth it. (D5-15) */
const WORTHWHILE = 0.03;

/**
 * Reads, hashes and compresses one chunk. Reading and hashing go on while the thread pool compresses; compressed bytes stay in memory if they
 * are few, else they go to a file, for a PUT has to say their number before the first one. (D5-06, D5-10)
 *
 * @throws SourceChanged, errors of the file system
 */
export async function prepareChunk(task: Preparation): Promise<Prepared> {
  const reader = new SourceReader(task.root, task.ranges);
  const content = createHash("sha256");
  const output = new Output(task.spool);
  let encoder: FrameEncoder | undefined;
  try {
    const whole = task.ranges.reduce((sum, range) => sum + range.size, 0);
    const pieces = [0, 1].map(() => Buffer.allocUnsafeSlow(Math.max(1, Math.min(PIECE, whole))));
    let taken: Promise<void> | undefined;
    let size = 0;
    let compress = !task.hashOnly && task.level !== undefined;
    for (let turn = 0; ; turn++) {
      const buffer = pieces[turn % 2]!;
      const bytes = buffer.subarray(0, reader.fill(buffer));
      if (bytes.length === 0) break;
      content.update(bytes);
      size += bytes.length;
      if (turn === 0) compress &&= !(task.mayStayRaw && hardlyShrinks(bytes.subarray(0, SAMPLE)));
      if (!compress) continue;
      encoder ??= new FrameEncoder(task.level!, (piece) => output.add(piece));
      await taken;
      taken = encoder.write(bytes);
      // Its failure is met at the next turn.
      taken.catch(() => undefined);
    }
    await taken;
    await encoder?.end();
    const hash = content.digest("hex");
    if (encoder === undefined) return { body: { kind: "source" }, size, checksum: hash, content: hash };
    return { ...output.finish(), content: hash };
  } finally {
    reader.close();
    encoder?.destroy();
    output.close();
  }
}

const hardlyShrinks = (sample: Buffer): boolean =>
  zstdCompressSync(sample, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }).length >
  sample.length * (1 - WORTHWHILE);

class Output {
  readonly #path: string;
  readonly #hash = createHash("sha256");
  #pieces: Buffer[] = [];
  #size = 0;
  #file: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  add(bytes: Buffer): void {
    this.#hash.update(bytes);
    this.#size += bytes.length;
    if (this.#file === undefined && this.#size <= MEMORY) {
      this.#pieces.push(bytes);
      return;
    }
    this.#file ??= openSync(this.#path, "w", 0o600);
    for (const piece of [...this.#pieces, bytes]) writeAll(this.#file, piece);
    this.#pieces = [];
  }

  finish(): Omit<Prepared, "content"> {
    const checksum = this.#hash.digest("hex");
    const body: Body =
      this.#file === undefined
        ? { kind: "memory", bytes: new Uint8Array(Buffer.concat(this.#pieces)) }
        : { kind: "spool", path: this.#path };
    return { body, size: this.#size, checksum };
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

function writeAll(file: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
}
