import { createHash } from "node:crypto";
import { type Chunk, type Compression, codecOf } from "./chunk.ts";

/**
 * sha256 over the chunks of a version in their order, as its uploader knew them, in the header: a list that was changed in a store, or on its way, is
 * noticed by whoever reads it. Keys and urls are the server's business, and not part of it.
 *
 * A line of JSON per chunk: `[size, algorithm, checksum, id or null, codec, [[path, position, size], …]]`.
 */
export class ChunksDigest {
  readonly #compression: Compression;
  readonly #hash = createHash("sha256");

  constructor(compression: Compression) {
    this.#compression = compression;
  }

  add(chunk: Chunk): void {
    const { size, checksum, id = null, destinations } = chunk;
    const places = destinations.map((each) => [each.path, each.pos, each.size]);
    const codec = codecOf(chunk, this.#compression);
    this.#hash.update(`${JSON.stringify([size, checksum.algorithm, checksum.hex, id, codec, places])}\n`);
  }

  /** Lower-case hex. */
  finish(): string {
    return this.#hash.digest("hex");
  }
}
