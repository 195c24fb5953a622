import { createHash } from "node:crypto";
import type { Destination } from "../format/chunk.ts";
import { cancelled, isKind } from "../transfer/retry.ts";
import type { Blueprint } from "./replan.ts";
import { type MayGrow, never } from "./source-files.ts";
import { SourceChanged, type SourceRange } from "./source-reader.ts";

/** A chunk of the plan with what it is made of. Its ranges are put together when they are needed: there may be a million of them. */
export class PlannedChunk {
  readonly index: number;
  /** What it is made of, as one word: the same word means the same bytes, as far as inodes and times can say. */
  readonly print: string;
  readonly size: number;
  /** The file it is a piece of, if it is of one alone. */
  readonly file: string | undefined;
  readonly #blueprint: Blueprint;
  readonly #mayGrow: MayGrow;

  constructor(blueprint: Blueprint, index: number, mayGrow: MayGrow = never) {
    const { files, chunks } = blueprint;
    this.#blueprint = blueprint;
    this.#mayGrow = mayGrow;
    this.index = index;
    this.size = chunks.sizeOf(index);
    const hash = createHash("sha256");
    for (const { path, stamp, position, size } of this.ranges()) hash.update(`${path}\0${stamp} ${position} ${size}\n`);
    this.print = hash.digest("base64url").slice(0, 32);
    const [first] = chunks.ranges(index);
    this.file = chunks.count(index) === 1 && first !== undefined ? files.path(first.file) : undefined;
  }

  ranges(): readonly SourceRange[] {
    const { files, chunks } = this.#blueprint;
    return [...chunks.ranges(this.index)].map(({ file, position, size }) => ({
      path: files.path(file),
      stamp: files.stamp(file),
      position,
      size,
      ...(this.#mayGrow(files.path(file)) ? { mayGrow: true } : {}),
    }));
  }

  destinations(): readonly Destination[] {
    const { files, chunks } = this.#blueprint;
    return [...chunks.ranges(this.index)].map(({ file, position, size }) => ({
      path: files.path(file),
      pos: position,
      size,
    }));
  }
}

export const plannedChunks = (blueprint: Blueprint, mayGrow?: MayGrow): readonly PlannedChunk[] =>
  Array.from({ length: blueprint.chunks.length }, (_, index) => new PlannedChunk(blueprint, index, mayGrow));

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
