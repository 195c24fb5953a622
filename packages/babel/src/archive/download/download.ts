import { unlinkSync } from "node:fs";
import { chown, mkdir, readdir } from "node:fs/promises";
import { errnoOf, isMissing } from "../../errno.ts";
import { type Chunk, codecOf, type Header } from "../format/chunk.ts";
import { checkHeader } from "../format/sanity.ts";
import type { Journal } from "../journal.ts";
import { type ArchiveSource, type ArchiveVersion, chunksOf } from "../source.ts";
import { TransferFault } from "../transfer/fault.ts";
import { isKind } from "../transfer/retry.ts";
import { ChunkUrls, notingUrls } from "./chunk-urls.ts";
import { dropStartedFiles } from "./cleanup.ts";
import { Flushes } from "./flush.ts";
import type { ChunkOrder } from "./orders.ts";
import { paced } from "./paced.ts";
import type { Rechecks } from "./recheck.ts";
import {
  type DownloadRecord,
  kernelBoot,
  type Plan,
  putReferenceStateAside,
  type StateFolder,
} from "./state-folder.ts";
import { StoredManifest, storeManifest } from "./stored-manifest.ts";
import { Tree } from "./tree.ts";

export type DownloadOptions = Rechecks & {
  readonly source: ArchiveSource;
  readonly destination: string;
  readonly state: StateFolder;
  /** Where the reference kept its state. */
  readonly referenceFolder?: string;
  readonly dataVersion?: number;
  /** Of what is created. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** The data is there already, as far as anybody knows: nothing is removed, and only what turns out to be damaged is fetched. */
  readonly adopt?: boolean;
  /** Files of a version that was complete once, the wanted or an older one, stay, for `keepSame` to find what is as wanted. (§9.3) */
  readonly keep?: boolean;
  /** Told as soon as there will be something to transfer, before the list of chunks is fetched. */
  readonly beginning?: () => void;
  readonly log: (line: string) => void;
};

/** Chunks that could not be had; the others are fetched all the same, so that a report names them all. */
export type BadChunk = { readonly chunk: Chunk; readonly reason: string };

/** One archive on its way to one folder: what is open, what is done, what is recorded. */
export class Download {
  readonly manifest: StoredManifest;
  readonly plan: Plan;
  readonly options: DownloadOptions;
  readonly bad: BadChunk[] = [];
  readonly #journal: Journal<DownloadRecord>;
  readonly #urls: ChunkUrls;
  readonly #done: Set<number>;
  readonly #open: Set<number>;
  readonly #started: Set<number>;
  /** Written, but not known to be on the disk. */
  readonly #unflushed: Set<number>;
  readonly #flushes: Flushes;
  readonly #boot = kernelBoot();
  /** Over the files of a version that was complete. */
  readonly kept: boolean;
  #doneRecords: number;
  #grouped: number;
  #committing: Promise<void> | undefined;
  #pendingBytes = 0;
  /** Since when something is done that is not known to be on the disk. */
  #pendingSince: number | undefined;
  /** An earlier run has finished it, down to the record. */
  #recorded: boolean;
  /** Whether this run fetched anything. */
  changed = false;
  bytesDone = 0;
  /** Bytes of open chunks that the disk has room for already. */
  #allocated = 0;
  readonly #allocatedFor = new Map<number, number>();

  private constructor(
    options: DownloadOptions,
    plan: Plan,
    manifest: StoredManifest,
    resumed: Awaited<ReturnType<StateFolder["resume"]>>,
    flushes: Flushes,
    kept: boolean,
    urls: ReadonlyMap<number, string>,
  ) {
    this.options = options;
    this.kept = kept;
    this.#flushes = flushes;
    this.plan = plan;
    this.manifest = manifest;
    this.#journal = resumed.journal;
    this.#done = new Set(resumed.done);
    this.#started = new Set(resumed.started);
    this.#unflushed = new Set(resumed.unflushed);
    this.#doneRecords = resumed.doneRecords;
    this.#grouped = resumed.durable ? resumed.doneRecords : 0;
    this.#open = new Set();
    for (let index = 0; index < manifest.header.chunks; index += 1) if (!this.#done.has(index)) this.#open.add(index);
    for (const index of this.#done) this.bytesDone += manifest.contentOf(index);
    this.#recorded = resumed.complete;
    if (!resumed.durable) this.#pendingSince = performance.now();
    this.#urls = new ChunkUrls(options.source, plan.dataVersion, manifest, () => this.#open, urls);
  }

  /**
   * Goes on with the download that the state folder knows, or begins one.
   *
   * @param flushes those of all downloads that are written side by side @returns undefined if there is no such archive
   */
  static async open(options: DownloadOptions, flushes = new Flushes()): Promise<Download | undefined> {
    const { state } = options;
    await state.lease();
    if (options.referenceFolder !== undefined) {
      const found = await putReferenceStateAside(options.referenceFolder, state);
      if (found.length > 0) options.log(`an older babel left ${found.join(", ")}: put aside, the download begins anew`);
    }
    const known = await state.plan();
    // What was complete may have been used since, or be superseded: it is fetched over, not gone on with.
    const again = options.keep === true && (await completed(known, options));
    if (known !== undefined && !again && isSame(known, options)) {
      const manifest = await openManifest(state, known);
      if (manifest !== undefined) return Download.#resume(options, known, manifest, flushes);
      options.log("the state of the download is damaged: it begins anew");
    }
    const version = await options.source.version(options.dataVersion);
    if (version === undefined) return undefined;
    const keep = again && hasContents(version.header);
    // Files of a version that was given up are no part of the next one. (D4-03)
    if (options.adopt !== true) await dropStartedFiles(state);
    return Download.#begin(options, version, flushes, keep);
  }

  static async #begin(
    options: DownloadOptions,
    version: ArchiveVersion,
    flushes: Flushes,
    keep: boolean,
  ): Promise<Download> {
    const { state, source } = options;
    const { dataVersion, header } = version;
    checkHeader(header);
    options.beginning?.();
    await state.mark();
    const urls = new Map<number, string>();
    const chunks = notingUrls(chunksOf(source, dataVersion, header.chunks), urls);
    const manifestDigest = await storeManifest(state.manifest, header, chunks);
    const { destination } = options;
    const plan = { archive: source.name, destination, dataVersion, header, manifestDigest };
    const manifest = await openManifest(state, plan);
    if (manifest === undefined) throw new TransferFault("environment", "the stored manifest cannot be read back");
    await state.begin(plan, options.adopt === true);
    return Download.#resume(options, plan, manifest, flushes, keep, urls);
  }

  static async #resume(
    options: DownloadOptions,
    plan: Plan,
    manifest: StoredManifest,
    flushes: Flushes,
    keep = false,
    urls: ReadonlyMap<number, string> = new Map(),
  ): Promise<Download> {
    await mkdir(options.destination, { recursive: true });
    if (options.owner !== undefined) await chown(options.destination, options.owner.uid, options.owner.gid);
    const resumed = await options.state.resume(manifest.header.chunks);
    const download = new Download(options, plan, manifest, resumed, flushes, keep || resumed.kept, urls);
    try {
      if (!resumed.purged) await download.#purge();
      else if (options.adopt !== true || download.#open.size > 0) await download.#survey();
      if (download.#open.size > 0 || !resumed.complete) await options.state.mark();
      // The last run may have been cut off right behind its last record.
      else await options.state.unmark();
      await options.state.ballast(download.#open.size > 0);
      return download;
    } catch (error) {
      await download.close();
      throw error;
    }
  }

  get open(): number {
    return this.#open.size;
  }

  get chunksDone(): number {
    return this.#done.size;
  }

  /** Bytes that the disk has yet to take. */
  get remaining(): number {
    return Math.max(0, this.manifest.header.totalSize - this.bytesDone - this.#allocated);
  }

  /** Nothing is left to be done, not even to be recorded. */
  get recorded(): boolean {
    return this.#recorded && this.#open.size === 0;
  }

  /** Takes a chunk out of those that are open; what it needs to be fetched. */
  async next(): Promise<ChunkOrder> {
    const [index] = this.#open;
    if (index === undefined) throw new Error("no chunk is open");
    this.#open.delete(index);
    this.changed = true;
    const chunk = this.manifest.chunk(index);
    // What was there before may be anything; nothing was, unless it was adopted or kept, or this chunk was begun before.
    const fresh = this.options.adopt !== true && !this.kept && !this.#started.has(index);
    this.#started.add(index);
    const [url] = await Promise.all([
      chunk.size > 0 ? this.#urls.take(index) : undefined,
      this.#journal.append({ t: "start", i: index }),
    ]).catch((error: unknown) => {
      this.reopen(index);
      throw error;
    });
    return { ...this.#orderOf(chunk, url), kind: "write", fresh };
  }

  /** What is needed to see whether the data of a chunk is what it should be. @param content sha256 of it, if it is known */
  async checkOrder(index: number, content: string | undefined): Promise<ChunkOrder> {
    const chunk = this.manifest.chunk(index);
    if (content !== undefined) return { ...this.#orderOf(chunk, undefined), kind: "hash", content };
    const url = chunk.size > 0 ? await this.#urls.take(index) : undefined;
    return { ...this.#orderOf(chunk, url), kind: "compare" };
  }

  #orderOf(chunk: Chunk, url: string | undefined): Omit<ChunkOrder, "kind"> {
    return {
      chunk: url === undefined ? chunk : { ...chunk, url },
      codec: codecOf(chunk, this.manifest.header.compression),
      lengths: chunk.destinations.map((_, at) => this.manifest.lengthOf(chunk.index, at)),
      fresh: false,
      root: this.options.destination,
      ...(this.options.owner === undefined ? {} : { owner: this.options.owner }),
    };
  }

  /** A chunk's url was refused. */
  freshUrl(index: number): Promise<string> {
    this.#urls.expire();
    return this.#urls.take(index);
  }

  reopen(index: number): void {
    this.#open.add(index);
  }

  /** Chunks that are neither done nor being fetched. */
  openChunks(): readonly number[] {
    return [...this.#open];
  }

  doneChunks(): readonly number[] {
    return [...this.#done];
  }

  /** The data of an open chunk are what they should be already. */
  async keep(index: number): Promise<void> {
    this.#open.delete(index);
    await this.finished(index);
  }

  /** A chunk is written and verified. @throws TransferFault `environment` if the disk failed to take something */
  async finished(index: number): Promise<void> {
    const content = this.manifest.contentOf(index);
    this.#flushes.check();
    this.#allocated -= this.#allocatedFor.get(index) ?? 0;
    this.#allocatedFor.delete(index);
    this.#done.add(index);
    this.#unflushed.add(index);
    this.bytesDone += content;
    try {
      await this.#journal.append({ t: "done", i: index, b: this.#boot });
    } catch (error) {
      this.#unflushed.delete(index);
      this.#undo(index);
      throw error;
    }
    // A group covers the records that are in the journal, in their order: what is not there yet does not count.
    this.#doneRecords += 1;
    this.#flushes.check();
    this.#pendingBytes += content;
    this.#pendingSince ??= performance.now();
  }

  /** Whether it is time to make what is done durable. (D4-02) */
  commitDue(afterMs: number, afterBytes: number): boolean {
    if (this.#pendingSince === undefined || this.#committing !== undefined) return false;
    return performance.now() - this.#pendingSince >= afterMs || this.#pendingBytes >= afterBytes;
  }

  /** Flushes the data, then records that it is on the disk. @throws TransferFault `environment` */
  commit(): Promise<void> {
    this.#committing ??= this.#commit().finally(() => {
      this.#committing = undefined;
    });
    return this.#committing;
  }

  async #commit(more: readonly DownloadRecord[] = []): Promise<void> {
    const records = this.#doneRecords;
    if (records === this.#grouped && more.length === 0) return;
    const written = [...this.#unflushed];
    this.#pendingBytes = 0;
    this.#pendingSince = undefined;
    await this.#flush();
    const group = [{ t: "group", n: records } as const, ...more];
    await Promise.all(group.map((record) => this.#journal.append(record))).catch((error: unknown) => {
      this.#pendingSince ??= performance.now();
      throw error;
    });
    this.#grouped = records;
    for (const index of written) this.#unflushed.delete(index);
  }

  /** @throws TransferFault `environment`: what is not known to be on the disk has to be fetched again, in whatever run */
  async #flush(): Promise<void> {
    try {
      await this.#flushes.run(this.options.destination);
    } catch (error) {
      if (!isKind(error, "cancelled")) await this.#forgetUnflushed();
      throw error;
    }
  }

  async #forgetUnflushed(): Promise<void> {
    const lost = [...this.#unflushed];
    this.#unflushed.clear();
    if (lost.length === 0) return;
    this.options.log(`the disk did not take what was written last; ${lost.length} chunks will be fetched again`);
    // Of a journal that cannot be written either, nothing may count.
    await this.#recordLost(lost).catch(() => this.options.state.forget());
  }

  /** Chunks whose data is not what it should be will be fetched again. */
  async lose(indexes: readonly number[]): Promise<void> {
    await this.options.state.mark();
    await this.#recordLost(indexes);
  }

  async #recordLost(indexes: readonly number[]): Promise<void> {
    this.#recorded = false;
    await Promise.all(indexes.map((i) => this.#journal.append({ t: "lost", i })));
    for (const index of indexes) this.#undo(index);
  }

  #undo(index: number): void {
    if (!this.#done.delete(index)) return;
    this.#open.add(index);
    this.bytesDone -= this.manifest.contentOf(index);
  }

  /** Everything is there and verified: makes it durable, and records that it is complete. @throws TransferFault `environment` */
  async recordComplete(): Promise<void> {
    await this.#committing;
    await this.#commit([{ t: "complete", at: Date.now() }]);
    await this.options.state.ballast(false);
    await this.options.state.unmark();
    this.#recorded = true;
  }

  async close(): Promise<void> {
    await this.#committing?.catch(() => undefined);
    await this.#journal.close();
    this.manifest.close();
  }

  /** Files that are there before a download begins are none of it (D4-03), unless they are kept: those get the length they will have. */
  async #purge(): Promise<void> {
    const tree = new Tree(this.options.destination);
    try {
      if ((await readdir(this.options.destination)).length > 0) {
        for await (const { path, size } of paced(this.manifest.eachFile())) {
          const stats = this.kept ? tree.stats(path) : undefined;
          if (stats?.isFile() && stats.nlink === 1) {
            tree.writable(path, size);
            continue;
          }
          try {
            unlinkSync(tree.entry(path, false));
          } catch (error) {
            if (errnoOf(error) === "EISDIR") throw new TransferFault("permanent", `'${path}' is a folder already`);
            if (!isMissing(error)) throw error;
          }
        }
      }
    } finally {
      tree.close();
    }
    await this.#journal.append({ t: "purged", ...(this.kept ? { kept: true } : {}) });
  }

  /** What earlier runs left: chunks whose files are gone or cut are open again; blocks that are there need no more room. */
  async #survey(): Promise<void> {
    const { destination, adopt = false } = this.options;
    const tree = new Tree(destination);
    const lost: number[] = [];
    try {
      for await (const chunk of paced(this.manifest.chunks())) {
        const done = this.#done.has(chunk.index);
        if (done ? adopt : !adopt && !this.kept && !this.#started.has(chunk.index)) continue;
        let allocated = 0;
        for (const [at, { path, size }] of chunk.destinations.entries()) {
          const stats = tree.stats(path);
          if (!done && stats !== undefined && stats.size > 0) {
            allocated += Math.floor(size * Math.min(1, (stats.blocks * 512) / stats.size));
          }
          if (!done || (stats?.isFile() === true && stats.size === this.manifest.lengthOf(chunk.index, at))) continue;
          lost.push(chunk.index);
          break;
        }
        this.#allocated += allocated;
        this.#allocatedFor.set(chunk.index, allocated);
      }
    } finally {
      tree.close();
    }
    if (lost.length === 0) return;
    this.options.log(`files of ${lost.length} chunks are missing or cut off; they are fetched again`);
    await this.lose(lost);
  }
}

const isSame = (plan: Plan, { source, destination, dataVersion = plan.dataVersion }: DownloadOptions): boolean =>
  plan.archive === source.name && plan.destination === destination && plan.dataVersion === dataVersion;

/** Whether an archive says what is in its chunks, so that data on disk can be compared without fetching them. */
const hasContents = ({ layout, files, compression }: Header): boolean =>
  layout === "cas" || files !== undefined || compression.codec === "none";

/** Whether the plan brought a version of the same archive to the same folder, down to its end. */
async function completed(plan: Plan | undefined, { source, destination, state }: DownloadOptions): Promise<boolean> {
  if (plan?.archive !== source.name || plan.destination !== destination) return false;
  const { journal, complete } = await state.resume(plan.header.chunks);
  await journal.close();
  return complete;
}

/** @returns undefined if it is not the one of the plan @throws InvalidManifest */
async function openManifest(state: StateFolder, plan: Plan): Promise<StoredManifest | undefined> {
  try {
    return await StoredManifest.open(state.manifest, plan.header, plan.manifestDigest);
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
