import type { Destination } from "../format/chunk.ts";
import { cancelled, isKind } from "../transfer/retry.ts";
import { type ChunkRanges, sizeOf } from "./blueprint.ts";
import type { Blueprint } from "./replan.ts";
import { SourceChanged, type SourceRange } from "./source-reader.ts";
import { printOf } from "./upload-state.ts";

/** A chunk of the plan with what it is made of. */
export type PlannedChunk = {
  readonly index: number;
  /** See `printOf`. */
  readonly print: string;
  readonly ranges: readonly SourceRange[];
  readonly size: number;
  /** The file it is a piece of, if it is of one alone. */
  readonly file: string | undefined;
};

export function plannedChunks({ files, chunks }: Blueprint): readonly PlannedChunk[] {
  return chunks.map((ranges, index) => ({
    index,
    print: printOf(files, ranges),
    ranges: sourceRanges({ files, chunks }, ranges),
    size: sizeOf(ranges),
    file: ranges.length === 1 ? files[ranges[0]!.file]!.path : undefined,
  }));
}

const sourceRanges = ({ files }: Blueprint, ranges: ChunkRanges): readonly SourceRange[] =>
  ranges.map(({ file, position, size }) => {
    const { path, stamp } = files[file]!;
    return { path, stamp, position, size };
  });

export const destinationsOf = ({ ranges }: PlannedChunk): readonly Destination[] =>
  ranges.map(({ path, position, size }) => ({ path, pos: position, size }));

/** sha256 of nothing. */
export const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/**
 * Works on chunks, some at a time. Files that changed do not keep the other chunks from being worked on; any other failure ends it.
 *
 * @returns files that changed
 */
export async function workOn<T>(
  chunks: readonly T[],
  runners: number,
  signal: AbortSignal,
  work: (chunk: T, signal: AbortSignal) => Promise<void>,
): Promise<readonly string[]> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const queue = chunks.values();
  const changed = new Set<string>();
  let first: { readonly error: unknown } | undefined;
  const run = async (): Promise<void> => {
    for (const chunk of queue) {
      if (either.aborted) return;
      try {
        await work(chunk, either);
      } catch (error) {
        if (error instanceof SourceChanged) {
          changed.add(error.path);
          continue;
        }
        if (first === undefined || isKind(first.error, "cancelled")) first = { error };
        failed.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(runners, chunks.length) }, run));
  if (signal.aborted) throw cancelled();
  if (first !== undefined) throw first.error;
  return [...changed];
}
