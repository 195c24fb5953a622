import { Code, ConnectError } from "@connectrpc/connect";
import { invalid } from "../../failure.ts";
import type { Chunk, Compression, Header, Layout, SideObject } from "../format/chunk.ts";
import type { ArchiveResult } from "../task.ts";
import { TransferFault } from "../transfer/fault.ts";
import type { ProgressState } from "../transfer/progress.ts";
import { bodyPieces } from "./body.ts";
import { casLayout } from "./cas-layout.ts";
import { type ChunkTools, uploadChunk } from "./chunk-upload.ts";
import { checkCoverage } from "./coverage.ts";
import { compileAppendOnly, compileExclusion } from "./exclude.ts";
import { writeFilesObject } from "./files-object.ts";
import type { UploadLayout } from "./layout.ts";
import { sendObject } from "./object-sender.ts";
import { EMPTY_SHA256, type PlannedChunk, plannedChunks, workOn } from "./open-chunks.ts";
import { partsLayout } from "./parts-layout.ts";
import type { Plan } from "./plan-file.ts";
import { contentOf, digestOf } from "./published.ts";
import { SlotDesk } from "./slot-desk.ts";
import { joined, type MayGrow, never, type SourceFiles, sameFiles } from "./source-files.ts";
import { isUnchanged, type SourceTree, sameTree, scanSource } from "./source-tree.ts";
import { BadUploads, type UploadTarget } from "./target.ts";
import { forgetUploadId } from "./upload-id.ts";
import { type StoredPart, UploadState } from "./upload-state.ts";

export type UploadSettings = {
  readonly exclude: readonly string[];
  /** What these grow by while they are uploaded is left out. (§9.6) */
  readonly appendOnly: readonly string[];
  readonly compression: Compression;
  readonly numberOfChunks: number | undefined;
  readonly urlExpiresSecs: number;
  readonly dataVersion: number | undefined;
  readonly layout: Layout;
  /** An archive without files is one, too. (D5-14) */
  readonly allowEmpty: boolean;
};

export type UploadContext = {
  readonly settings: UploadSettings;
  /** Directory whose files are archived. */
  readonly root: string;
  /** Outlives the attempt, e.g. `/blockjoy/.babel_jobs/upload`. */
  readonly stateFolder: string;
  /** @param uploadId of the state folder */
  readonly target: (uploadId: string) => UploadTarget;
  /** Of the archive; undefined: that of the node's image. */
  readonly storeKey: string | undefined;
  /** Content of a version that can be downloaded (`published.ts`), undefined if there is none. */
  readonly published: (dataVersion: number) => Promise<string | undefined>;
  /** Of the lock of the protocol data: another one means that something used the data. */
  readonly generation: () => Promise<string>;
  /** Provenance, shown in listings. */
  readonly source: Readonly<Record<string, string>>;
  readonly tools: ChunkTools;
  /** Chunks that are worked on at the same time. */
  readonly runners: number;
  readonly report: (change: Partial<ProgressState>) => void;
};

/** A file that changes more often is not at rest. */
const CHANGES = 5;
/** So often the plan is fitted to changes, and the manifest sent. */
const ROUNDS = 30;
/** What does not shrink gets a little larger. */
const FRAME_GROWTH = 0.99;

/**
 * Uploads a directory as the next version of an archive, and publishes it only if every byte of it is of one state of the data. Goes on where
 * an earlier attempt was cut off. (§5.5, D5-04)
 *
 * @throws Failure `upload-empty`, and for what cannot be archived; TransferFault; ConnectError of the target
 */
export async function uploadArchive(context: UploadContext): Promise<ArchiveResult> {
  const state = await UploadState.open(context.stateFolder);
  try {
    const { layout, numberOfChunks } = context.settings;
    const own = { ...context, target: context.target(state.uploadId) };
    const rules = layout === "cas" ? await casLayout(state, own) : partsLayout(numberOfChunks);
    return await new ArchiveUpload(own, state, rules).run();
  } catch (error) {
    if (ConnectError.from(error).code === Code.FailedPrecondition) {
      // Somebody else may have the version by now: the next attempt gets another one.
      await state.forget();
    }
    throw error;
  } finally {
    await state.close().catch(() => undefined);
  }
}

type OwnContext = Omit<UploadContext, "target"> & { readonly target: UploadTarget };

class ArchiveUpload {
  readonly #context: OwnContext;
  readonly #state: UploadState;
  readonly #layout: UploadLayout;
  readonly #log: (line: string) => void;
  readonly #signal: AbortSignal;
  readonly #mayGrow: MayGrow;
  readonly #changes = new Map<string, number>();
  #tree!: SourceTree;
  #chunks: readonly PlannedChunk[] = [];
  #desk!: SlotDesk;
  #maxBytes = Number.POSITIVE_INFINITY;

  constructor(context: OwnContext, state: UploadState, layout: UploadLayout) {
    this.#context = context;
    this.#state = state;
    this.#layout = layout;
    this.#mayGrow = compileAppendOnly(context.settings.appendOnly);
    this.#log = context.tools.sending.log;
    this.#signal = context.tools.sending.signal;
  }

  async run(): Promise<ArchiveResult> {
    const { settings, target, report } = this.#context;
    report({ phase: "metadata", message: "chunks" });
    const idle = new Set(this.#context.settings.exclude);
    const resumable = await this.#resumable();
    this.#tree = await this.#scan(resumable === undefined ? never : this.#mayGrow, idle);
    for (const pattern of idle) this.#log(`exclude pattern ${JSON.stringify(pattern)} matched nothing`);
    for (const line of this.#tree.skipped) this.#log(`not archived: ${line}`);
    if (this.#tree.files.length === 0 && !settings.allowEmpty) {
      throw invalid("upload-empty", "nothing to upload", "If the archive is to be empty, set `allow_empty`.");
    }
    if (resumable !== undefined && this.#state.publishing !== undefined) {
      // The last attempt may have ended after the version was published, and before that was noted.
      if ((await this.#context.published(resumable.dataVersion)) === this.#state.publishing) {
        this.#chunks = plannedChunks(resumable.blueprint);
        this.#log(`version ${resumable.dataVersion} had been published`);
        return this.#finish();
      }
    }
    await (resumable === undefined ? this.#begin() : this.#resume(resumable));
    this.#desk = new SlotDesk(target, this.#plan.dataVersion, settings.urlExpiresSecs);
    for (let round = 0; round < ROUNDS; round++) {
      await this.#transfer();
      const files = this.#open().length === 0 && target.extended ? await this.#sendFiles() : undefined;
      if (!(await this.#settled()) || this.#open().length > 0) continue;
      if (await this.#publish(files)) return this.#finish();
    }
    throw new TransferFault("transient", "the data does not come to rest, or the store does not keep what is uploaded");
  }

  get #plan(): Plan {
    return this.#state.plan!;
  }

  /** `idle`: patterns of `exclude`, of which those that match are taken out. */
  #scan(mayGrow: MayGrow, idle?: Set<string>): Promise<SourceTree> {
    const excluded = compileExclusion(this.#context.settings.exclude, idle);
    const known = this.#state.plan?.blueprint.files;
    return scanSource(this.#context.root, excluded, this.#signal, known, mayGrow);
  }

  /** The plan of an earlier attempt, if it was for the same, and nothing used the data since. (D2-17) */
  async #resumable(): Promise<Plan | undefined> {
    const plan = this.#state.plan;
    if (plan === undefined || plan.settings !== this.#settingsDigest()) return undefined;
    if (plan.generation === (await this.#context.generation())) return plan;
    this.#log("the data was in use since the last attempt: everything is read again");
    return undefined;
  }

  async #resume({ dataVersion, blueprint }: Plan): Promise<void> {
    this.#log(`going on with version ${dataVersion}`);
    try {
      // Says whether the reservation still stands, and renews it.
      this.#maxBytes = (await this.#context.target.reserve(dataVersion)).maxObjectBytes * FRAME_GROWTH;
    } catch (error) {
      if (ConnectError.from(error).code !== Code.AlreadyExists) throw error;
      // While somebody else uploads it, this may yet be ours again; what they have published never will.
      if ((await this.#context.published(dataVersion)) === undefined) throw error;
      this.#log(`version ${dataVersion} was published by somebody else`);
      return this.#begin(dataVersion);
    }
    const { files } = blueprint;
    if (!sameFiles(files, this.#tree.files)) return this.#refit();
    this.#tree = { ...this.#tree, files };
    this.#chunks = plannedChunks(blueprint, this.#mayGrow);
  }

  /** @param taken by somebody else, while it was ours to upload */
  async #begin(taken?: number): Promise<void> {
    const { settings, target, generation, storeKey } = this.#context;
    // A number once given is kept: the reservation is ours. (D5-05)
    const kept = this.#state.plan?.dataVersion;
    const wanted = settings.dataVersion ?? (kept === taken ? undefined : kept);
    const { dataVersion, maxObjectBytes } = await target.reserve(wanted);
    if (settings.layout === "cas" && !target.extended) {
      throw invalid("layout-unsupported", "the API does not know content-addressed archives", "Leave `layout` out.");
    }
    this.#maxBytes = maxObjectBytes * FRAME_GROWTH;
    const { files } = this.#tree;
    const blueprint = { files, chunks: this.#layout.plan(files, this.#maxBytes) };
    const generationNow = await generation();
    const settingsNow = this.#settingsDigest();
    const createdAt = Date.now();
    await this.#state.begin({
      ...(storeKey === undefined ? {} : { storeKey }),
      dataVersion,
      settings: settingsNow,
      generation: generationNow,
      createdAt,
      blueprint,
    });
    this.#chunks = plannedChunks(blueprint, this.#mayGrow);
    const sizes = `${files.length} files, ${files.bytes} bytes, ${this.#chunks.length} chunks`;
    this.#log(`version ${dataVersion} of ${target.name}: ${sizes}`);
  }

  /** What decides which bytes are in which chunk, and how they are stored. */
  #settingsDigest(): string {
    const { exclude, appendOnly, compression, numberOfChunks, layout, dataVersion } = this.#context.settings;
    const growing = appendOnly.length === 0 ? {} : { appendOnly };
    return JSON.stringify({ exclude, compression, numberOfChunks, layout, dataVersion, ...growing });
  }

  /** Takes a changed tree into the plan; what did not change stays stored. */
  async #refit(): Promise<void> {
    const blueprint = this.#layout.refit(this.#plan.blueprint, this.#tree.files, this.#maxBytes);
    await this.#state.decide({ ...this.#plan, blueprint });
    this.#chunks = plannedChunks(blueprint, this.#mayGrow);
    this.#log(`files changed: ${this.#open().length} of ${this.#chunks.length} chunks are to be read`);
  }

  /** Whether the data is as it was planned for; if not, the plan is fitted. @throws TransferFault if it is in use */
  async #settled(): Promise<boolean> {
    if ((await this.#context.generation()) !== this.#plan.generation) {
      throw new TransferFault("transient", "the data came into use while it was uploaded: stop what uses it");
    }
    const { root, settings } = this.#context;
    const excluded = compileExclusion(settings.exclude);
    if (await isUnchanged(this.#tree, root, excluded, this.#signal, this.#mayGrow)) return true;
    const before = this.#tree;
    const { files } = this.#plan.blueprint;
    const found = await this.#scan(this.#mayGrow);
    if (sameFiles(files, found.files)) {
      const same = sameTree(before, found);
      // There may be millions of files: they are in memory once.
      this.#tree = { ...found, files };
      return same;
    }
    this.#tree = found;
    this.#countChanges(files);
    await this.#refit();
    return false;
  }

  #countChanges(before: SourceFiles): void {
    const { files } = this.#tree;
    for (const { before: old, now } of joined(before, files)) {
      if (now === undefined || (old !== undefined && before.stamp(old) === files.stamp(now))) continue;
      const path = files.path(now);
      this.#changes.set(path, (this.#changes.get(path) ?? 0) + 1);
    }
    const restless = [...this.#changes].filter(([, changes]) => changes > CHANGES).map(([path]) => path);
    if (restless.length === 0) return;
    const example = JSON.stringify(restless[0]!.slice(0, 200));
    throw new TransferFault("transient", `data changed while uploading: ${restless.length} files, e.g. ${example}`);
  }

  async #transfer(): Promise<void> {
    const { report, runners } = this.#context;
    // What changed while it was read is found by the scan that follows.
    if ((await this.#layout.identify(this.#chunks)).length > 0) return;
    const open = this.#open();
    const bytes = sumOf(this.#chunks);
    let bytesDone = bytes - sumOf(open);
    let chunksDone = this.#chunks.length - open.length;
    const shares = new Map<PlannedChunk, number>();
    const tell = () => {
      const partly = [...shares].reduce((sum, [chunk, share]) => sum + chunk.size * share, 0);
      const done = { chunksDone, bytesDone: Math.floor(bytesDone + partly) };
      report({ phase: "transfer", chunks: this.#chunks.length, bytes, ...done });
    };
    tell();
    await workOn(open, runners, this.#signal, async (chunk, signal) => {
      const part = await this.#upload(chunk, signal, (share) => {
        shares.set(chunk, share);
        tell();
      });
      await this.#state.noteStored(this.#layout.slotOf(chunk), this.#layout.printOf(chunk), part);
      shares.delete(chunk);
      bytesDone += chunk.size;
      chunksDone += 1;
      tell();
    });
  }

  #upload(chunk: PlannedChunk, signal: AbortSignal, onShare: (share: number) => void): Promise<StoredPart> {
    const { root, tools, settings } = this.#context;
    if (chunk.size === 0) return this.#emptyPart(chunk);
    const id = this.#layout.idOf(chunk);
    const work = {
      name: `chunk ${chunk.index}`,
      wish: this.#layout.wishOf(chunk),
      root,
      ranges: () => chunk.ranges(),
      level: settings.compression.codec === "zstd" ? settings.compression.level : undefined,
      mayStayRaw: this.#layout.mayStayRaw,
      ...(id === undefined ? {} : { id }),
      spool: this.#state.spoolPath(String(chunk.index)),
      onShare,
    };
    return uploadChunk(work, this.#desk, { ...tools, sending: { ...tools.sending, signal } });
  }

  /** Files without content need no object, but the reference wants a key. */
  async #emptyPart(chunk: PlannedChunk): Promise<StoredPart> {
    const slot = this.#context.target.extended ? undefined : await this.#desk.ask(this.#layout.wishOf(chunk));
    const key = slot !== undefined && "key" in slot ? slot.key : "";
    return { key, size: 0, checksum: { algorithm: "sha256", hex: EMPTY_SHA256 }, content: EMPTY_SHA256 };
  }

  /** Chunks to be uploaded, each object once. */
  #open(): readonly PlannedChunk[] {
    const taken = new Set<string>();
    return this.#chunks.filter((chunk) => {
      const slot = this.#layout.slotOf(chunk);
      if (taken.has(slot) || this.#stored(chunk) !== undefined) return false;
      taken.add(slot);
      return true;
    });
  }

  #stored(chunk: PlannedChunk): StoredPart | undefined {
    return this.#state.stored(this.#layout.slotOf(chunk), this.#layout.printOf(chunk));
  }

  async #sendFiles(): Promise<SideObject> {
    const { root, tools, report } = this.#context;
    report({ phase: "finalize" });
    tools.threads.dismiss();
    tools.memory.dismiss();
    const path = this.#state.spoolPath("files");
    const contents = this.#chunks.map((chunk) => this.#stored(chunk)!.content);
    const object = await writeFilesObject(path, this.#tree, contents);
    const sent = {
      name: "list of files",
      wish: { kind: "files" as const },
      size: object.size,
      checksum: object.sha256,
      pieces: () => bodyPieces({ kind: "spool", path }, { root, ranges: () => [] }),
      volatile: false,
      onSent: () => undefined,
    };
    await sendObject(sent, this.#desk, tools.sending);
    return object;
  }

  /** @returns false if something has to be uploaded again */
  async #publish(files: SideObject | undefined): Promise<boolean> {
    const { target, settings, source } = this.#context;
    const { dataVersion, createdAt } = this.#plan;
    const { parent } = this.#layout;
    const { compression } = settings;
    const chunksDigest = digestOf(this.#published(), compression);
    const header: Header = {
      totalSize: sumOf(this.#chunks),
      compression,
      chunks: this.#chunks.length,
      layout: settings.layout,
      ...(files === undefined ? {} : { format: 2, files, chunksDigest }),
      ...(parent === undefined ? {} : { parentDataVersion: parent }),
      source: { ...source, created_at: new Date(createdAt).toISOString() },
    };
    checkCoverage(this.#plan.blueprint);
    await this.#state.notePublishing(contentOf(chunksDigest, header));
    try {
      await target.publish(dataVersion, header, () => this.#published());
      return true;
    } catch (error) {
      if (!(error instanceof BadUploads)) throw error;
      this.#log(`${error.indexes.length} chunks are not stored as they should be; uploading them again`);
      for (const index of error.indexes) {
        const chunk = this.#chunks[index];
        if (chunk !== undefined) await this.#state.noteBad(this.#layout.slotOf(chunk));
      }
      return false;
    }
  }

  /** Chunks of the manifest, each made when it is its turn: a million files need no memory for it. */
  *#published(): Generator<Chunk, void> {
    for (const chunk of this.#chunks) yield this.#chunkOf(chunk);
  }

  #chunkOf(chunk: PlannedChunk): Chunk {
    const { key, size, checksum, codec } = this.#stored(chunk)!;
    const id = this.#layout.idOf(chunk);
    return {
      index: chunk.index,
      key,
      checksum,
      size,
      destinations: chunk.destinations(),
      ...(id === undefined ? {} : { id }),
      ...(codec === undefined ? {} : { codec }),
    };
  }

  async #finish(): Promise<ArchiveResult> {
    const { dataVersion } = this.#plan;
    const bytes = sumOf(this.#chunks);
    const firstKey = this.#chunks.map((chunk) => this.#stored(chunk)?.key ?? "").find((key) => key !== "");
    const storeKey = firstKey?.split("/")[0] ?? this.#context.target.name;
    await this.#layout.published(dataVersion, this.#chunks);
    await this.#state.forget();
    await forgetUploadId(this.#state.folder);
    this.#context.report({ phase: "finalize", chunksDone: this.#chunks.length, bytesDone: bytes });
    this.#log(`published version ${dataVersion}: ${bytes} bytes in ${this.#chunks.length} chunks`);
    return { store_key: storeKey, data_version: dataVersion, total_size: bytes };
  }
}

const sumOf = (chunks: readonly PlannedChunk[]): number => chunks.reduce((sum, { size }) => sum + size, 0);
