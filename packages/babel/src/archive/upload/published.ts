import type { Chunk, Compression, Header } from "../format/chunk.ts";
import { ChunksDigest } from "../format/chunks-digest.ts";
import { type ArchiveSource, chunksOf } from "../source.ts";

/** What tells the content of one version from that of another: its chunks, and the list of its files. */
export const contentOf = (chunksDigest: string, { files }: Pick<Header, "files">): string =>
  files === undefined ? chunksDigest : `${chunksDigest} ${files.sha256}`;

/**
 * @returns the content of a version that can be downloaded, undefined if there is none: who takes a number for published has to know that it is
 *   published with what it uploaded
 */
export async function publishedContent(source: ArchiveSource, dataVersion: number): Promise<string | undefined> {
  const header = (await source.version(dataVersion))?.header;
  if (header === undefined) return undefined;
  if (header.chunksDigest !== undefined) return contentOf(header.chunksDigest, header);
  // The reference has no digest: what it hands out is gone through.
  const digest = new ChunksDigest(header.compression);
  for await (const chunk of chunksOf(source, dataVersion, header.chunks)) digest.add(chunk);
  return contentOf(digest.finish(), header);
}

export function digestOf(chunks: Iterable<Chunk>, compression: Compression): string {
  const digest = new ChunksDigest(compression);
  for (const chunk of chunks) digest.add(chunk);
  return digest.finish();
}
