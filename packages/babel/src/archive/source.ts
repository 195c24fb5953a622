import type { Chunk, Header } from "./format/chunk.ts";

export type ArchiveVersion = {
  readonly dataVersion: number;
  readonly header: Header;
  /** Signed url of `manifest-files.json`. */
  readonly filesUrl?: string;
};

/** Where a download learns what an archive consists of, and gets urls: the host's engine socket, or whoever runs the archive tool. */
export type ArchiveSource = {
  /** What messages call the archive. */
  readonly name: string;
  /** @param dataVersion default: the newest @returns undefined if there is no such archive or version (D4-13: nothing else means so) */
  version(dataVersion?: number): Promise<ArchiveVersion | undefined>;
  /** At most 100 chunks, with fresh urls. */
  chunks(dataVersion: number, indexes: readonly number[]): Promise<readonly Chunk[]>;
};

/** So many chunks may be asked for at once. (§6.3) */
export const CHUNKS_PER_REQUEST = 100;

const FIRST_CHUNKS = 10;
const DESTINATIONS_PER_ANSWER = 10_000;

/** All chunks of a version, in order; of those that have very many files each, few are asked for at a time. */
export async function* chunksOf(source: ArchiveSource, dataVersion: number, all: number): AsyncGenerator<Chunk, void> {
  let most = FIRST_CHUNKS;
  for (let from = 0; from < all; ) {
    const count = Math.min(most, all - from);
    const indexes = Array.from({ length: count }, (_, offset) => from + offset);
    const chunks = await source.chunks(dataVersion, indexes);
    yield* [...chunks].sort((a, b) => a.index - b.index);
    from += count;
    const destinations = chunks.reduce((sum, chunk) => sum + chunk.destinations.length, 0);
    const fitting = Math.floor((DESTINATIONS_PER_ANSWER * count) / Math.max(1, destinations));
    most = Math.max(1, Math.min(CHUNKS_PER_REQUEST, fitting, count * 4));
  }
}
