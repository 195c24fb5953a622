import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMissing } from "../../errno.ts";
import { engineClient } from "../../service/engine.ts";
import { casLayout } from "./cas-layout.ts";
import { compressionOf } from "./environment.ts";
import { compileExclusion } from "./exclude.ts";
import { type PlannedChunk, plannedChunks } from "./open-chunks.ts";
import { partsLayout } from "./parts-layout.ts";
import type { Push } from "./push.ts";
import type { SourceRange } from "./source-reader.ts";
import { scanSource } from "./source-tree.ts";
import { engineTarget } from "./target.ts";
import { UploadState } from "./upload-state.ts";
import { type UploadTools, uploadTools } from "./upload-tools.ts";

/** What an upload would do. Sizes in bytes; of lists the first ones, with their number. */
export type UploadPreview = {
  readonly files: number;
  readonly links: number;
  readonly bytes: number;
  readonly chunks: number;
  /** Content-addressed: what the archive has already, of the same data. */
  readonly stored_chunks: number;
  readonly stored_bytes: number;
  /** About what would be sent, from samples. */
  readonly estimated_bytes: number;
  /** A directory that is left out is one path. */
  readonly excluded: number;
  readonly excluded_paths: readonly string[];
  /** What can not be archived. */
  readonly skipped: number;
  readonly skipped_lines: readonly string[];
  /** Patterns of `exclude` that match nothing. */
  readonly idle_patterns: readonly string[];
};

/** Largest object that a store takes: what a reservation would say is not known without one. */
const LARGEST_CHUNK = 5 * 1024 ** 3 * 0.99;
const LISTED = 100;
const SAMPLES = 64;
const SAMPLE_BYTES = 1024 * 1024;

/**
 * What `pushArchive` would do, without reserving or storing anything, or writing to the data or the state folder. Chunks of a content-addressed
 * archive are read, for their hash says which are stored; of all others some samples. (§9.8)
 */
export async function previewUpload(push: Omit<Push, "report">): Promise<UploadPreview> {
  const { signal, log, folder: root, exclude = [] } = push;
  const excluded: string[] = [];
  const idle = new Set(exclude);
  const isExcluded = compileExclusion(exclude, idle);
  const tree = await scanSource(
    root,
    (path) => {
      const leaves = isExcluded(path);
      if (leaves) excluded.push(path);
      return leaves;
    },
    signal,
  );
  const { files, links, skipped } = tree;
  const tools = uploadTools({ signal, log, times: {}, onPause: () => undefined });
  const spool = await mkdtemp(join(tmpdir(), "bv-archive-"));
  try {
    const { chunks, open, mayStayRaw } = await planned(push, files, spool, tools);
    const openBytes = sum(open);
    const share = await shrinkage(push, open, mayStayRaw, join(spool, "sample"), tools);
    return {
      files: files.length,
      links: links.length,
      bytes: files.bytes,
      chunks: chunks.length,
      stored_chunks: chunks.length - open.length,
      stored_bytes: files.bytes - openBytes,
      estimated_bytes: Math.ceil(openBytes * share),
      excluded: excluded.length,
      excluded_paths: excluded.slice(0, LISTED),
      skipped: skipped.length,
      skipped_lines: skipped.slice(0, LISTED),
      idle_patterns: [...idle],
    };
  } finally {
    await tools.close();
    await rm(spool, { recursive: true, force: true });
  }
}

type Files = Awaited<ReturnType<typeof scanSource>>["files"];

/** The chunks, and those of them that would be sent. */
async function planned(
  { layout, engineSocket, secret, storeKey, stateFolder, folder: root, signal, log }: Omit<Push, "report">,
  files: Files,
  spool: string,
  tools: UploadTools,
) {
  if (layout !== "cas") {
    const chunks = plannedChunks({ files, chunks: partsLayout(undefined).plan(files, LARGEST_CHUNK) });
    return { chunks, open: chunks.filter(({ size }) => size > 0), mayStayRaw: false };
  }
  // What the last upload knows of its files is read, and left as it is.
  const folder = join(spool, "state");
  const state = await UploadState.open(folder);
  try {
    await copyFile(join(stateFolder, "index"), join(folder, "index")).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
    const engine = engineClient(engineSocket, () => secret);
    const target = engineTarget(engine, storeKey, { signal, log }, state.uploadId);
    const rules = await casLayout(state, { root, target, tools, runners: tools.runners });
    const chunks = plannedChunks({ files, chunks: rules.plan(files, LARGEST_CHUNK) });
    const changed = await rules.identify(chunks);
    if (changed.length > 0)
      log(`${changed.length} files change while they are read: what is stored of them is not known`);
    const taken = new Set<string>();
    const open = chunks.filter((chunk) => {
      const slot = rules.slotOf(chunk);
      if (chunk.size === 0 || taken.has(slot) || state.stored(slot, rules.printOf(chunk))) return false;
      taken.add(slot);
      return true;
    });
    return { chunks, open, mayStayRaw: rules.mayStayRaw };
  } finally {
    await state.close();
  }
}

/** Which share of their bytes is left of chunks when they are compressed, as samples of them say. */
async function shrinkage(
  { folder: root, compression, signal }: Omit<Push, "report">,
  open: readonly PlannedChunk[],
  mayStayRaw: boolean,
  spool: string,
  { threads }: UploadTools,
): Promise<number> {
  const codec = compressionOf(compression === undefined ? 3 : compression?.ZSTD);
  if (codec.codec === "none") return 1;
  let read = 0;
  let left = 0;
  for (const ranges of samplesOf(open)) {
    const task = { root, ranges, level: codec.level, mayStayRaw, hashOnly: false, memory: undefined, spool };
    left += (await threads.prepare(task, signal)).size;
    read += ranges.reduce((bytes, { size }) => bytes + size, 0);
    await rm(spool, { force: true });
  }
  return read === 0 ? 1 : left / read;
}

/** Pieces of them at even distances; everything, if it is not more. */
function* samplesOf(open: readonly PlannedChunk[]): Generator<readonly SourceRange[]> {
  const distance = Math.max(SAMPLE_BYTES, sum(open) / SAMPLES);
  let next = 0;
  let begin = 0;
  for (const chunk of open) {
    for (; next < begin + chunk.size; next += distance) {
      yield [...pieceOf(chunk.ranges(), Math.floor(next - begin), SAMPLE_BYTES)];
    }
    begin += chunk.size;
  }
}

/** `size` bytes of ranges from `from` on, or what there is. */
function* pieceOf(ranges: readonly SourceRange[], from: number, size: number): Generator<SourceRange> {
  let skip = from;
  let left = size;
  for (const range of ranges) {
    const own = Math.min(range.size - skip, left);
    if (own > 0) {
      yield { ...range, position: range.position + skip, size: own };
      left -= own;
    }
    skip = Math.max(0, skip - range.size);
    if (left === 0) return;
  }
}

const sum = (chunks: readonly PlannedChunk[]): number => chunks.reduce((bytes, { size }) => bytes + size, 0);
