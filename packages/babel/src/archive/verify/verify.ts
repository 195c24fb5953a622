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

export type Checking = {
  readonly threads: ChunkThreads;
  readonly connections: () => number;
  readonly signal: AbortSignal;
  readonly checked: (chunks: number, bytes: number) => void;
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
  options: Checking & { readonly found: (damage: Damage) => void },
): Promise<number> {
  const contents = await contentHashes(download, options.signal);
  const { chunks } = download.manifest.header;
  let fetched = 0;
  const all = Array.from({ length: chunks }, (_, index) => index);
  await checkAll(download, all, options, async (index) => {
    const content = contents(index);
    const chunk = download.manifest.chunk(index);
    if (content === undefined && chunk.size > 0) fetched += 1;
    const reason = await damageOf(download, index, content, options);
    if (reason === undefined) return;
    const files = [...new Set(chunk.destinations.map(({ path }) => path))];
    options.found({ chunk: index, key: chunk.key, files, reason });
  });
  return fetched;
}

/**
 * Looks at the open chunks of a download over a version that was complete, as far as the archive says what is in them: those whose data are on the disk
 * already are done. (§9.3)
 */
export async function keepSame(download: Download, options: Checking): Promise<void> {
  const contents = await contentHashes(download, options.signal);
  const known = download.openChunks().filter((index) => contents(index) !== undefined);
  await checkAll(download, known, options, async (index) => {
    if ((await damageOf(download, index, contents(index), options)) === undefined) await download.keep(index);
  });
  await download.commit();
}

/**
 * Reads the data of some chunks on the disk again. Nothing is fetched: of chunks whose content the archive does not say (babel-agent §9.4) nothing
 * is known. @throws TransferFault
 */
export async function damagedAmong(
  download: Download,
  indexes: readonly number[],
  options: Checking,
): Promise<{ readonly damaged: readonly number[]; readonly unknown: number }> {
  const contents = await contentHashes(download, options.signal);
  const known = indexes.filter((index) => contents(index) !== undefined);
  const damaged: number[] = [];
  await checkAll(download, known, options, async (index) => {
    if ((await damageOf(download, index, contents(index), options)) !== undefined) damaged.push(index);
  });
  return { damaged, unknown: indexes.length - known.length };
}

async function checkAll(
  download: Download,
  indexes: readonly number[],
  { signal, connections, checked }: Checking,
  check: (index: number) => Promise<void>,
): Promise<void> {
  let [next, done, bytes] = [0, 0, 0];
  const lane = async (): Promise<void> => {
    for (let index = indexes[next]; index !== undefined; index = indexes[next]) {
      if (signal.aborted) throw cancelled();
      next += 1;
      await check(index);
      done += 1;
      bytes += download.manifest.contentOf(index);
      checked(done, bytes);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, connections()) }, lane));
}

/** @param content sha256 of it, if it is known @returns why the data of a chunk is not what it should be, undefined if it is */
async function damageOf(
  download: Download,
  index: number,
  content: string | undefined,
  { signal, threads }: Checking,
): Promise<string | undefined> {
  const order = await download.checkOrder(index, content);
  const renewal: { failure?: unknown } = {};
  const check = threads.fetch(order, {
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
    return undefined;
  } catch (error) {
    if (signal.aborted) throw cancelled();
    if (renewal.failure !== undefined) throw renewal.failure;
    if (!(error instanceof Damaged) && !(error instanceof TransferFault && error.kind === "corrupt")) throw error;
    return error.message;
  } finally {
    signal.removeEventListener("abort", check.cancel);
  }
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
