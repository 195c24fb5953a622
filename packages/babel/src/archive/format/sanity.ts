import { type Chunk, contentSize, DIGEST_BYTES, type Header } from "./chunk.ts";
import { checkPath } from "./path.ts";
import { FileRanges, type Files } from "./ranges.ts";
import { refuse } from "./refusal.ts";

/** Features of `requires` that this reader knows. (§9.4) */
const KNOWN_FEATURES: readonly string[] = [];
const KEY_BYTES = 1024;
const HEX = /^(?:[0-9a-f]{2})+$/;

/** @throws InvalidManifest for a header that no version can have, or that asks for what this reader does not know */
export function checkHeader(header: Header): void {
  if (!isAmount(header.totalSize)) refuse(`total size ${header.totalSize} is not a whole number`);
  if (!isAmount(header.chunks)) refuse(`number of chunks ${header.chunks} is not a whole number`);
  const unknown = header.requires?.find((feature) => !KNOWN_FEATURES.includes(feature));
  if (unknown !== undefined) refuse(`it requires '${unknown.slice(0, 60)}', which this version of babel does not know`);
}

/** What can be said about a chunk alone. (D4-04, D4-05) @throws InvalidManifest */
function checkChunk(chunk: Chunk, header: Pick<Header, "chunks">): void {
  const { index, key, size, checksum, destinations } = chunk;
  if (!isAmount(index) || index >= header.chunks) refuse(`chunk index ${index}, but there are ${header.chunks} chunks`);
  const name = `chunk ${index}`;
  if (!isAmount(size)) refuse(`${name} has size ${size}`);
  if (size > 0 && (key === "" || Buffer.byteLength(key) > KEY_BYTES)) refuse(`${name} has no usable key`);
  if (checksum.hex.length !== DIGEST_BYTES[checksum.algorithm] * 2 || !HEX.test(checksum.hex)) {
    refuse(`${name} has a malformed ${checksum.algorithm} checksum`);
  }
  if (chunk.id !== undefined && (chunk.id.length !== 64 || !HEX.test(chunk.id))) refuse(`${name} has a malformed id`);
  if (destinations.length === 0) refuse(`${name} has no destination`);
  for (const destination of destinations) {
    checkPath(destination.path);
    const end = destination.pos + destination.size;
    if (!isAmount(destination.pos) || !isAmount(destination.size) || !isAmount(end)) {
      refuse(`${name} has a destination of ${destination.size} bytes at ${destination.pos}`);
    }
  }
  const content = contentSize(chunk);
  if (size === 0 && content > 0) refuse(`${name} has no stored bytes, but ${content} bytes of destinations`);
  if (size > 0 && content === 0) refuse(`${name} has ${size} stored bytes, but empty destinations`);
}

/** Checks a whole version while its chunks come in, in any order, without keeping them. (D4-05) */
export class ManifestCheck {
  readonly #header: Header;
  readonly #ranges = new FileRanges();
  readonly #seen: Uint8Array;
  #chunks = 0;
  #total = 0;

  /** @throws InvalidManifest */
  constructor(header: Header) {
    checkHeader(header);
    this.#header = header;
    this.#seen = new Uint8Array(header.chunks);
  }

  /** @throws InvalidManifest */
  add(chunk: Chunk): void {
    checkChunk(chunk, this.#header);
    if (this.#seen[chunk.index] === 1) refuse(`chunk ${chunk.index} comes twice`);
    this.#seen[chunk.index] = 1;
    this.#chunks += 1;
    for (const { path, pos, size } of chunk.destinations) this.#ranges.add(path, pos, size);
    this.#total += contentSize(chunk);
  }

  /** @param nameOf path of the n-th destination that came in @throws InvalidManifest */
  finish(nameOf: (destination: number) => string): Files {
    const { chunks, totalSize } = this.#header;
    if (this.#chunks !== chunks) refuse(`${this.#chunks} chunks came of ${chunks}`);
    if (this.#total !== totalSize) refuse(`destinations have ${this.#total} bytes, but the total size is ${totalSize}`);
    return this.#ranges.check(nameOf);
  }
}

const isAmount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
