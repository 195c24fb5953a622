import { createHash } from "node:crypto";
import { zstdCompressSync } from "node:zlib";
import type { Chunk, Compression, Destination, HashAlgorithm, Header } from "../format/chunk.ts";
import { hashOf } from "../format/hash.ts";
import type { ArchiveSource } from "../source.ts";
import type { FaultyStore } from "./faulty-store.ts";

/** An archive in a store, and what it should become. */
export type SampleArchive = {
  readonly header: Header;
  readonly chunks: readonly Chunk[];
  readonly files: ReadonlyMap<string, Buffer>;
};

export type SampleOptions = {
  readonly chunkSize: number;
  readonly compression?: Compression;
  readonly algorithm?: HashAlgorithm;
  readonly storeKey?: string;
  readonly dataVersion?: number;
};

/** Bytes that are the same for the same seed; half of them compress. */
export function sampleBytes(size: number, seed: string): Buffer {
  const bytes = Buffer.alloc(size);
  let block = createHash("sha256").update(seed).digest();
  for (let at = 0; at < size; at += 32) {
    block = createHash("sha256").update(block).digest();
    bytes.set(block.subarray(0, Math.min(at % 64 === 0 ? 32 : 4, size - at)), at);
  }
  return bytes;
}

/** Cuts files into chunks as the reference does, and puts them into the store. */
export async function storeSample(
  store: FaultyStore,
  files: ReadonlyMap<string, Buffer>,
  options: SampleOptions,
): Promise<SampleArchive> {
  const { chunkSize, compression = { codec: "zstd", level: 3 }, algorithm = "sha256" } = options;
  const { storeKey = "sample-key", dataVersion = 1 } = options;
  const groups: { destinations: Destination[]; bytes: Buffer[]; size: number }[] = [];
  for (const [path, content] of [...files].sort(([a], [b]) => (a < b ? 1 : -1))) {
    let pos = 0;
    do {
      let group = groups.at(-1);
      if (group === undefined || (group.size >= chunkSize && content.length > 0)) {
        group = { destinations: [], bytes: [], size: 0 };
        groups.push(group);
      }
      const size = Math.min(content.length - pos, Math.max(0, chunkSize - group.size));
      group.destinations.push({ path, pos, size });
      group.bytes.push(content.subarray(pos, pos + size));
      group.size += size;
      pos += size;
    } while (pos < content.length);
  }
  const chunks: Chunk[] = [];
  for (const [index, { destinations, bytes, size }] of groups.entries()) {
    const key = `${storeKey}/${dataVersion}/data.part_${index}`;
    const stored = size === 0 ? Buffer.of() : storedBytes(Buffer.concat(bytes), compression);
    if (size > 0) store.objects.set(key, stored);
    const checksum = { algorithm, hex: await hashOf(algorithm, stored) };
    chunks.push({ index, key, checksum, size: stored.length, destinations });
  }
  const totalSize = [...files.values()].reduce((sum, { length }) => sum + length, 0);
  return { header: { totalSize, compression, chunks: chunks.length }, chunks, files };
}

const storedBytes = (bytes: Buffer, compression: Compression): Buffer =>
  compression.codec === "none" ? bytes : zstdCompressSync(bytes);

/** The archive as a source, with urls of the store that expire as told. */
export function sampleSource(
  store: Pick<FaultyStore, "url">,
  { header, chunks }: Pick<SampleArchive, "header" | "chunks">,
  options: { readonly dataVersion?: number; readonly urlMs?: number } = {},
): ArchiveSource & { calls: number } {
  const source = {
    name: "sample-key",
    calls: 0,
    version: async () => ({ dataVersion: options.dataVersion ?? 1, header }),
    chunks: async (_version: number, indexes: readonly number[]) => {
      source.calls += 1;
      return indexes.map((index) => {
        const chunk = chunks[index];
        if (chunk === undefined) throw new Error(`chunk ${index} was asked for`);
        return chunk.size === 0 ? chunk : { ...chunk, url: store.url(chunk.key, options.urlMs) };
      });
    },
  };
  return source;
}
