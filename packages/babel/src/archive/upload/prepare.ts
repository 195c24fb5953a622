import { createHash } from "node:crypto";
import { FrameEncoder } from "./frame.ts";
import { type SourceRange, SourceReader } from "./source-reader.ts";
import { type StoredBody, StoredOutput } from "./stored-output.ts";
import { hardlyShrinks, parametersFor } from "./zstd-parameters.ts";

export type Preparation = {
  readonly root: string;
  readonly ranges: readonly SourceRange[];
  /** Zstd level; undefined: stored as it is. */
  readonly level?: number;
  /** What hardly gets smaller may be stored as it is. (§9.4) */
  readonly mayStayRaw: boolean;
  /** Only the hash of the content is wanted. */
  readonly hashOnly: boolean;
  /** For the compressed bytes; undefined: there is none just now. */
  readonly memory: SharedArrayBuffer | undefined;
  /** Where they go if they are too many for it. */
  readonly spool: string;
};

export type Prepared = StoredBody & {
  /** sha256 of the uncompressed bytes, hex. */
  readonly content: string;
};

/** Small enough that what was read is still in the cache of the core when it is hashed and compressed. */
const PIECE = 256 * 1024;
const SAMPLE = 1024 * 1024;
const SHORT_SAMPLE = 256 * 1024;
/** With less it is not worth it to look for the best parameters. */
const SAMPLED_FROM = 16 * 1024 * 1024;

/**
 * Reads, hashes and compresses one chunk, in the thread that calls, which has nothing else to do: read-ahead is the kernel's. (D5-10)
 *
 * @throws SourceChanged, errors of the file system
 */
export function prepareChunk(task: Preparation): Prepared {
  const reader = new SourceReader(task.root, task.ranges);
  const content = createHash("sha256");
  const output = new StoredOutput(task.spool, task.memory);
  let encoder: FrameEncoder | undefined;
  try {
    const buffer = Buffer.allocUnsafeSlow(SAMPLE);
    let bytes = buffer.subarray(0, reader.fill(buffer));
    let size = 0;
    const compress = task.level !== undefined && !task.hashOnly && bytes.length > 0;
    if (compress && !(task.mayStayRaw && hardlyShrinks(bytes, output.buffer))) {
      encoder = new FrameEncoder(parametersFor(task.level, samplesOf(task, bytes), output.buffer), output);
    }
    for (; bytes.length > 0; bytes = buffer.subarray(0, reader.fill(buffer.subarray(0, PIECE)))) {
      content.update(bytes);
      size += bytes.length;
      encoder?.write(bytes);
    }
    const hash = content.digest("hex");
    if (encoder === undefined) return { body: { kind: "source" }, size, checksum: hash, content: hash };
    encoder.end();
    return { ...output.finish(), content: hash };
  } finally {
    reader.close();
    encoder?.close();
    output.close();
  }
}

/** A little from the beginning and from the middle of a large chunk. @throws SourceChanged */
function samplesOf({ root, ranges }: Preparation, beginning: Uint8Array): readonly Uint8Array[] {
  const whole = ranges.reduce((sum, range) => sum + range.size, 0);
  if (whole < SAMPLED_FROM) return [];
  let before = Math.floor(whole / 2);
  const middle = ranges.find(({ size }) => {
    if (before < size) return true;
    before -= size;
    return false;
  })!;
  const size = Math.min(SHORT_SAMPLE, middle.size - before);
  const reader = new SourceReader(root, [{ ...middle, position: middle.position + before, size }]);
  const sample = Buffer.allocUnsafe(size);
  try {
    reader.fill(sample);
  } finally {
    reader.close();
  }
  return [beginning.subarray(0, SHORT_SAMPLE), sample];
}
