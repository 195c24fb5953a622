import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";
import { stageFile } from "../../files/durable.ts";
import type { Chunk, Header } from "../format/chunk.ts";
import { ChunksDigest } from "../format/chunks-digest.ts";
import { chunkFromJson, chunkToJson } from "../format/manifest-json.ts";
import type { Files } from "../format/ranges.ts";
import { refuse } from "../format/refusal.ts";
import { ManifestCheck } from "../format/sanity.ts";
import { TransferFault } from "../transfer/fault.ts";

const PIECE = 1024 * 1024;
const LINE_LIMIT = 256 * 1024 * 1024;

type Lines = { readonly offsets: Float64Array; readonly contents: Float64Array; readonly ranges: Float64Array };

/** Writes chunks, in index order, a line each, without urls. @returns sha256 of the file @throws TransferFault if they are not what was published */
export async function storeManifest(path: string, header: Header, chunks: AsyncIterable<Chunk>): Promise<string> {
  const staged = await stageFile(path, { mode: 0o600 });
  const hash = createHash("sha256");
  const digest = new ChunksDigest(header.compression);
  let next = 0;
  try {
    for await (const chunk of chunks) {
      if (chunk.index !== next) refuse(`chunk ${chunk.index} came instead of ${next}`);
      next += 1;
      digest.add(chunk);
      const line = `${JSON.stringify(chunkToJson(chunk))}\n`;
      hash.update(line);
      await staged.handle.write(line);
    }
    if (header.chunksDigest !== undefined && digest.finish() !== header.chunksDigest) {
      throw new TransferFault(
        "transient",
        "the list of chunks is not the one that was published: it was changed on its way",
      );
    }
    await staged.commit();
    return hash.digest("hex");
  } catch (error) {
    await staged.discard();
    throw error;
  }
}

/**
 * A version's chunks, on disk: an archive may have millions of files, and what a download has in memory of it are 24 bytes per chunk and 36 per range of a file.
 */
export class StoredManifest {
  readonly header: Header;
  /** Of the archive. */
  readonly files: Files;
  readonly #fd: number;
  /** Where each line begins; and where the last one ends. */
  readonly #offsets: Float64Array;
  /** Uncompressed bytes of each chunk. */
  readonly #contents: Float64Array;
  /** How many destinations come before those of each chunk. */
  readonly #ranges: Float64Array;

  private constructor(header: Header, fd: number, lines: Lines, files: Files) {
    this.header = header;
    this.files = files;
    this.#ranges = lines.ranges;
    this.#fd = fd;
    this.#offsets = lines.offsets;
    this.#contents = lines.contents;
  }

  /** Reads and checks all of it. @returns undefined if it is not the file that was written @throws InvalidManifest */
  static async open(path: string, header: Header, digest: string): Promise<StoredManifest | undefined> {
    const check = new ManifestCheck(header);
    const offsets = new Float64Array(header.chunks + 1);
    const contents = new Float64Array(header.chunks);
    const ranges = new Float64Array(header.chunks);
    const hash = createHash("sha256");
    let index = 0;
    let count = 0;
    for await (const line of linesOf(path)) {
      if (index >= header.chunks) return undefined;
      hash.update(line).update("\n");
      offsets[index + 1] = offsets[index]! + line.length + 1;
      const chunk = chunkFromJson(JSON.parse(line.toString("utf8")), index);
      check.add(chunk);
      ranges[index] = count;
      count += chunk.destinations.length;
      contents[index] = chunk.destinations.reduce((sum, { size }) => sum + size, 0);
      index += 1;
    }
    if (hash.digest("hex") !== digest) return undefined;
    const fd = openSync(path, "r");
    try {
      const nameOf = (range: number): string => {
        const chunk = ranges.findLastIndex((first) => first <= range);
        return chunkAt(fd, offsets, chunk).destinations[range - ranges[chunk]!]?.path ?? "";
      };
      return new StoredManifest(header, fd, { offsets, contents, ranges }, check.finish(nameOf));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  chunk(index: number): Chunk {
    return chunkAt(this.#fd, this.#offsets, index);
  }

  /** How long a chunk's entry is. */
  bytesOf(index: number): number {
    return this.#offsets[index + 1]! - this.#offsets[index]!;
  }

  /** Uncompressed bytes of a chunk. */
  contentOf(index: number): number {
    return this.#contents[index] ?? 0;
  }

  /** Final length of the file that a destination of a chunk is of. */
  lengthOf(chunk: number, destination: number): number {
    return this.files.lengthAt(this.#ranges[chunk]! + destination);
  }

  *chunks(): Generator<Chunk, void> {
    for (let index = 0; index < this.header.chunks; index += 1) yield this.chunk(index);
  }

  /** Every file once, with its length: its first range is where it begins. */
  *eachFile(): Generator<{ readonly path: string; readonly size: number }, void> {
    for (const { index, destinations } of this.chunks()) {
      for (const [at, { path, pos }] of destinations.entries()) {
        if (pos === 0) yield { path, size: this.lengthOf(index, at) };
      }
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function chunkAt(fd: number, offsets: Float64Array, index: number): Chunk {
  const from = offsets[index]!;
  const line = Buffer.allocUnsafe(offsets[index + 1]! - from);
  for (let done = 0; done < line.length; ) {
    const read = readSync(fd, line, done, line.length - done, from + done);
    if (read === 0) throw new Error("the stored manifest was cut off");
    done += read;
  }
  return chunkFromJson(JSON.parse(line.toString("utf8")), index);
}

async function* linesOf(path: string): AsyncGenerator<Buffer, void> {
  const file = await open(path, "r");
  try {
    let rest: Buffer[] = [];
    let length = 0;
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(PIECE), 0, PIECE);
      if (bytesRead === 0) return;
      const piece = buffer.subarray(0, bytesRead);
      let from = 0;
      for (let to = piece.indexOf(10); to !== -1; to = piece.indexOf(10, from)) {
        yield Buffer.concat([...rest, piece.subarray(from, to)]);
        rest = [];
        length = 0;
        from = to + 1;
      }
      rest.push(piece.subarray(from));
      length += piece.length - from;
      if (length > LINE_LIMIT) throw new Error("a line of the stored manifest is too long");
    }
  } finally {
    await file.close();
  }
}
