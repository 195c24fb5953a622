import { join } from "node:path";
import { type ChunkIndex, type IndexedChunk, loadChunkIndex, rewrittenFiles, saveChunkIndex } from "./chunk-index.ts";
import { type ChunkTools, identifyChunk } from "./chunk-upload.ts";
import type { UploadLayout } from "./layout.ts";
import { EMPTY_SHA256, type PlannedChunk, workOn } from "./open-chunks.ts";
import { cutPieces } from "./pieces.ts";
import { IDS_PER_REQUEST, type UploadTarget } from "./target.ts";
import type { UploadState } from "./upload-state.ts";

/** Every so many uploads everything is read again, whatever the times of the files say. */
const FULL_EVERY = 10;

/**
 * Chunks by what they contain: what did not change since the last version is not uploaded again, and as long as its times did not change,
 * not even read. (§9.3)
 */
export async function casLayout(
  state: UploadState,
  context: {
    readonly root: string;
    readonly target: UploadTarget;
    readonly tools: ChunkTools;
    readonly runners: number;
  },
): Promise<UploadLayout> {
  const { root, target, tools, runners } = context;
  const { signal, log } = tools.sending;
  const path = join(state.folder, "index");
  const index = await loadChunkIndex(path);
  const known = index === undefined || index.uploads >= FULL_EVERY - 1 ? undefined : index.ids;
  const cut = (files: Parameters<UploadLayout["plan"]>[0]) => cutPieces(files, new Set(index?.rewritten));
  /** Without an id there is nothing to name it by yet. */
  const idOf = ({ print }: PlannedChunk): string => state.id(print) ?? print;

  async function read(chunks: readonly PlannedChunk[]): Promise<readonly string[]> {
    const unread: PlannedChunk[] = [];
    const noted: Promise<void>[] = [];
    for (const chunk of chunks) {
      if (state.id(chunk.print) !== undefined) continue;
      const id = chunk.size === 0 ? EMPTY_SHA256 : known?.get(chunk.print)?.id;
      if (id === undefined) unread.push(chunk);
      else noted.push(state.noteId(chunk.print, id));
    }
    await Promise.all(noted);
    if (unread.length > 0) log(`reading ${unread.length} of ${chunks.length} chunks`);
    return workOn(unread, runners, signal, async (chunk, signal) => {
      const spool = state.spoolPath(String(chunk.index));
      const within = { ...tools, sending: { ...tools.sending, signal } };
      await state.noteId(chunk.print, await identifyChunk({ root, ranges: () => chunk.ranges(), spool }, within));
    });
  }

  async function findStored(chunks: readonly PlannedChunk[]): Promise<void> {
    const open = chunks.filter((chunk) => chunk.size > 0 && state.stored(idOf(chunk), idOf(chunk)) === undefined);
    const ids = [...new Set(open.map(idOf))];
    let found = 0;
    for (let at = 0; at < ids.length; at += IDS_PER_REQUEST) {
      const stored = await target.storedChunks(ids.slice(at, at + IDS_PER_REQUEST));
      found += stored.size;
      await Promise.all([...stored].map(([id, chunk]) => state.noteStored(id, id, { key: id, content: id, ...chunk })));
    }
    if (found > 0) log(`${found} of ${ids.length} chunks are stored already`);
  }

  return {
    mayStayRaw: true,
    parent: index?.dataVersion,
    plan: cut,
    refit: (_, files) => ({ files, chunks: cut(files) }),
    async identify(chunks) {
      const changed = await read(chunks);
      if (changed.length === 0) await findStored(chunks);
      return changed;
    },
    slotOf: idOf,
    printOf: idOf,
    wishOf: (chunk) => ({ kind: "chunk", id: idOf(chunk) }),
    idOf,
    async published(dataVersion, chunks) {
      const ids = new Map<string, IndexedChunk>();
      for (const chunk of chunks) {
        ids.set(chunk.print, { id: idOf(chunk), ...(chunk.file === undefined ? {} : { file: chunk.file }) });
      }
      await saveChunkIndex(path, nextIndex(index, dataVersion, ids));
    },
  };
}

const nextIndex = (
  before: ChunkIndex | undefined,
  dataVersion: number,
  ids: ReadonlyMap<string, IndexedChunk>,
): ChunkIndex => ({
  dataVersion,
  uploads: ((before?.uploads ?? -1) + 1) % FULL_EVERY,
  rewritten: rewrittenFiles(before, ids),
  ids,
});
