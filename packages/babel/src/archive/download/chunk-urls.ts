import type { Chunk } from "../format/chunk.ts";
import { type ArchiveSource, CHUNKS_PER_REQUEST } from "../source.ts";
import { TransferFault } from "../transfer/fault.ts";
import type { StoredManifest } from "./stored-manifest.ts";

/** Answers name all files of a chunk again: of chunks with very many, fewer are asked for at once. */
const ANSWER_BYTES = 1024 * 1024;

/** Fresh urls, asked for in as few calls as possible: those that are needed now, and next. (§8.3) */
export class ChunkUrls {
  readonly #source: ArchiveSource;
  readonly #dataVersion: number;
  readonly #manifest: StoredManifest;
  readonly #upcoming: () => Iterable<number>;
  readonly #urls = new Map<number, string>();
  readonly #wanted = new Set<number>();
  #asking: Promise<void> | undefined;

  /**
   * @param upcoming chunks that will be wanted next
   * @param known urls of the first of them
   */
  constructor(
    source: ArchiveSource,
    dataVersion: number,
    manifest: StoredManifest,
    upcoming: () => Iterable<number>,
    known: ReadonlyMap<number, string>,
  ) {
    for (const [index, url] of known) this.#urls.set(index, url);
    this.#source = source;
    this.#dataVersion = dataVersion;
    this.#manifest = manifest;
    this.#upcoming = upcoming;
  }

  /** @throws as the source does; TransferFault `permanent` if the chunk is no longer what it was */
  async take(index: number): Promise<string> {
    this.#wanted.add(index);
    while (!this.#urls.has(index)) await this.#ask();
    const url = this.#urls.get(index)!;
    this.#urls.delete(index);
    return url;
  }

  /** The store refused one: what was handed out with it is not used either. */
  expire(): void {
    this.#urls.clear();
  }

  #ask(): Promise<void> {
    this.#asking ??= this.#fetch().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #fetch(): Promise<void> {
    const asked: number[] = [];
    let bytes = 0;
    const take = (index: number): boolean => {
      const fits = asked.length === 0 || (asked.length < CHUNKS_PER_REQUEST && bytes < ANSWER_BYTES);
      if (fits) asked.push(index);
      bytes += this.#manifest.bytesOf(index);
      return fits;
    };
    for (const index of this.#wanted) if (take(index)) this.#wanted.delete(index);
    for (const index of this.#upcoming()) {
      if (this.#urls.has(index) || asked.includes(index)) continue;
      if (!take(index)) break;
    }
    const chunks = await this.#source.chunks(this.#dataVersion, asked);
    for (const chunk of chunks) {
      checkSame(chunk, this.#manifest.chunk(chunk.index));
      if (chunk.url !== undefined) this.#urls.set(chunk.index, chunk.url);
    }
    const missing = asked.find((index) => !this.#urls.has(index));
    if (missing !== undefined) throw new TransferFault("transient", `missing chunk ${missing} url`);
  }
}

/** Keeps the urls of the first chunks, which are fetched first: what was asked for to learn of the archive need not be asked for again. */
export async function* notingUrls(
  chunks: AsyncIterable<Chunk>,
  urls: Map<number, string>,
): AsyncGenerator<Chunk, void> {
  for await (const chunk of chunks) {
    if (chunk.url !== undefined && urls.size < CHUNKS_PER_REQUEST) urls.set(chunk.index, chunk.url);
    yield chunk;
  }
}

function checkSame(now: Chunk, before: Chunk): void {
  if (now.size === before.size && now.checksum.hex === before.checksum.hex) return;
  throw new TransferFault(
    "permanent",
    `chunk ${now.index} is no longer the one that the download was begun with; clean the job up to begin anew`,
  );
}
