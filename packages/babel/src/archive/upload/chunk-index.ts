import { open } from "node:fs/promises";
import { isMissing } from "../../errno.ts";
import { stageFile } from "../../files/durable.ts";

/** What the last content-addressed upload stored, so that the next one does not read what has not changed. (§9.3) */
export type ChunkIndex = {
  readonly dataVersion: number;
  /** Uploads since everything was read. */
  readonly uploads: number;
  /** Files to cut finely: little of them is used again. */
  readonly rewritten: readonly string[];
  /** Ids by what the chunks were made of. */
  readonly ids: ReadonlyMap<string, IndexedChunk>;
};
export type IndexedChunk = {
  /** sha256 of the content, hex. */
  readonly id: string;
  /** File that the chunk is a piece of, if it is of one alone. */
  readonly file?: string;
};

const VERSION = 1;
type Head = Omit<ChunkIndex, "ids"> & { readonly v: number };
type Line = Head | (IndexedChunk & { readonly print: string });

export async function saveChunkIndex(path: string, { ids, ...head }: ChunkIndex): Promise<void> {
  const staged = await stageFile(path, { mode: 0o600 });
  try {
    const lines: Line[] = [{ v: VERSION, ...head }];
    for (const [print, chunk] of ids) lines.push({ print, ...chunk });
    await staged.handle.writeFile(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    await staged.commit();
  } catch (error) {
    await staged.discard();
    throw error;
  }
}

/** Undefined if there is none, or none of use: then everything is read. */
export async function loadChunkIndex(path: string): Promise<ChunkIndex | undefined> {
  try {
    const handle = await open(path, "r");
    const ids = new Map<string, IndexedChunk>();
    let head: Omit<ChunkIndex, "ids"> | undefined;
    for await (const text of handle.readLines()) {
      const line = JSON.parse(text) as Line;
      if ("v" in line) {
        const { v, ...rest } = line;
        if (v !== VERSION) return undefined;
        head = rest;
      } else {
        const { print, ...chunk } = line;
        ids.set(print, chunk);
      }
    }
    return head === undefined ? undefined : { ...head, ids };
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const FINE_BELOW = 0.5;

/** Files that changed since the last upload, and less than half of whose pieces were used again. */
export function rewrittenFiles(
  before: ChunkIndex | undefined,
  now: ReadonlyMap<string, IndexedChunk>,
): readonly string[] {
  if (before === undefined) return [];
  const known = new Set<string>();
  const files = new Set<string>();
  for (const { id, file } of before.ids.values()) {
    known.add(id);
    if (file !== undefined) files.add(file);
  }
  const pieces = new Map<string, { all: number; reused: number }>();
  for (const { id, file } of now.values()) {
    if (file === undefined || !files.has(file)) continue;
    const counted = pieces.get(file) ?? { all: 0, reused: 0 };
    counted.all += 1;
    if (known.has(id)) counted.reused += 1;
    pieces.set(file, counted);
  }
  const rewritten = [...pieces].filter(([, { all, reused }]) => reused / all < FINE_BELOW).map(([file]) => file);
  return [...new Set([...before.rewritten.filter((file) => pieces.has(file)), ...rewritten])];
}
