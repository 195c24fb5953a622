import { Damaged } from "../download/chunk-sink.ts";
import type { ChunkThreads } from "../download/chunk-threads.ts";
import type { Download } from "../download/download.ts";
import { filesEntries } from "../download/files-object-reader.ts";
import { TransferFault } from "../transfer/fault.ts";
import { cancelled } from "../transfer/retry.ts";

export type Damage = {
  readonly chunk: number;
  readonly key: string;
  readonly files: readonly string[];
  readonly reason: string;
};

/**
 * Compares the data on disk with what the archive says, chunk by chunk. Hashes of the content are part of content-addressed archives and of those with
 * a files object (§9.4), and of chunks that are stored as they are; for others the stored chunk is fetched and compared, for compressing data again
 * need not give the same bytes.
 *
 * @param found is told about every damaged chunk, as it is found
 * @returns how many chunks had to be fetched @throws TransferFault
 */
export async function verify(
  download: Download,
  options: {
    readonly threads: ChunkThreads;
    readonly connections: () => number;
    readonly signal: AbortSignal;
    readonly checked: (chunks: number, bytes: number) => void;
    readonly found: (damage: Damage) => void;
  },
): Promise<number> {
  const { signal } = options;
  const contents = await contentHashes(download, signal);
  const { chunks } = download.manifest.header;
  let next = 0;
  let checked = 0;
  let bytes = 0;
  let fetched = 0;
  const checkOne = async (index: number): Promise<void> => {
    const content = contents(index);
    const chunk = download.manifest.chunk(index);
    if (content === undefined && chunk.size > 0) fetched += 1;
    const order = await download.checkOrder(index, content);
    const renewal: { failure?: unknown } = {};
    const check = options.threads.fetch(order, {
      urlWanted: () =>
        void download.freshUrl(index).then(check.renew, (error: unknown) => {
          renewal.failure = error;
          check.cancel();
        }),
      retry: () => undefined,
    });
    signal.addEventListener("abort", check.cancel, { once: true });
    try {
      await check.finished;
    } catch (error) {
      if (signal.aborted) throw cancelled();
      if (renewal.failure !== undefined) throw renewal.failure;
      if (!(error instanceof Damaged) && !(error instanceof TransferFault && error.kind === "corrupt")) throw error;
      const files = [...new Set(chunk.destinations.map(({ path }) => path))];
      options.found({ chunk: index, key: chunk.key, files, reason: error.message });
    } finally {
      signal.removeEventListener("abort", check.cancel);
    }
    checked += 1;
    bytes += download.manifest.contentOf(index);
    options.checked(checked, bytes);
  };
  const lane = async (): Promise<void> => {
    while (next < chunks) {
      if (signal.aborted) throw cancelled();
      const index = next;
      next += 1;
      await checkOne(index);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, options.connections()) }, lane));
  return fetched;
}

/** sha256 of the content of chunks, as far as it is known. */
async function contentHashes(download: Download, signal: AbortSignal): Promise<(index: number) => string | undefined> {
  const { header } = download.manifest;
  const known = new Map<number, string>();
  for await (const entry of filesEntries(download, signal)) {
    if (entry.kind === "content") known.set(entry.chunk, entry.sha256);
  }
  return (index) => {
    const chunk = download.manifest.chunk(index);
    const raw = (chunk.codec ?? header.compression.codec) === "none" && chunk.checksum.algorithm === "sha256";
    return chunk.id ?? known.get(index) ?? (raw ? chunk.checksum.hex : undefined);
  };
}
