import type { ChunkList } from "./chunk-list.ts";
import type { PlannedChunk } from "./open-chunks.ts";
import type { Blueprint } from "./replan.ts";
import type { SourceFiles } from "./source-files.ts";
import type { SlotWish } from "./target.ts";

/** How the chunks of an archive are cut and named. (§6.4, §9.3) */
export type UploadLayout = {
  /** Whether chunks that hardly shrink may be stored as they are: readers of the reference know one compression for all chunks. */
  readonly mayStayRaw: boolean;
  /** Version that this one builds on. */
  readonly parent: number | undefined;
  /** @param maxBytes most that a chunk may have */
  plan(files: SourceFiles, maxBytes: number): ChunkList;
  /** Fits a plan to files that changed. */
  refit(before: Blueprint, files: SourceFiles, maxBytes: number): Blueprint;
  /**
   * Learns what has to be known of chunks before they can be uploaded, and which of them are stored already.
   *
   * @returns files that changed meanwhile
   */
  identify(chunks: readonly PlannedChunk[]): Promise<readonly string[]>;
  /** Name of the chunk's object in the state of the upload. */
  slotOf(chunk: PlannedChunk): string;
  /** What its object depends on; it has to be stored again when this changes. */
  printOf(chunk: PlannedChunk): string;
  wishOf(chunk: PlannedChunk): SlotWish;
  /** Hash that its content has to have, hex. */
  idOf(chunk: PlannedChunk): string | undefined;
  /** The version is published. */
  published(dataVersion: number, chunks: readonly PlannedChunk[]): Promise<void>;
};
