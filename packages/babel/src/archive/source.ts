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
