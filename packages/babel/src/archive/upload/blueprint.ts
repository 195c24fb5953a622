import { invalid } from "../../failure.ts";

/** A part of a source file; files are named by their position in the list they were planned from. Bytes. */
export type FileRange = { readonly file: number; readonly position: number; readonly size: number };

/** Ranges whose bytes, one after another, are a chunk. */
export type ChunkRanges = readonly FileRange[];

type Sized = { readonly size: number };

const CHUNK_TARGET = 500_000_000;
/** A chunk of more files would not fit into a message. */
const MOST_RANGES = 20_000;

/**
 * Assigns files, in order of their paths, to chunks the way the reference does: files are taken from the end, chunks filled from the
 * first, and cut wherever a chunk is full. Chunks that nothing is left for are not made. (§5.4, [D5-16])
 *
 * @throws Failure `chunk-count-invalid`
 */
export function planParts(files: readonly Sized[], numberOfChunks?: number): readonly ChunkRanges[] {
  if (numberOfChunks === 0) throw invalid("chunk-count-invalid", "invalid number of chunks - need at leas one");
  const total = sumOf(files);
  const count = numberOfChunks ?? 1 + Math.floor(total / CHUNK_TARGET);
  const size = Math.floor(total / count);
  // Fewer bytes than chunks: all of them fit into the last one.
  const rooms =
    size === 0 ? [total] : Array.from({ length: count }, (_, i) => size + (i === count - 1 ? total % count : 0));
  return fillChunks(files, rooms).flatMap(inMessages);
}

/** Fills chunks with these rooms, bytes, from the end of the files. Empty files that follow a full chunk still go with it. */
export function fillChunks(files: readonly Sized[], rooms: readonly number[]): readonly ChunkRanges[] {
  const chunks: ChunkRanges[] = [];
  let file = files.length - 1;
  let position = 0;
  for (const capacity of rooms) {
    if (file < 0) break;
    const ranges: FileRange[] = [];
    let room = capacity;
    while (file >= 0) {
      const left = files[file]!.size - position;
      if (left > 0 && room === 0) break;
      const size = Math.min(left, room);
      ranges.push({ file, position, size });
      room -= size;
      position += size;
      if (position < files[file]!.size) break;
      file--;
      position = 0;
    }
    chunks.push(ranges);
  }
  return chunks;
}

function inMessages(ranges: ChunkRanges): readonly ChunkRanges[] {
  const count = Math.ceil(ranges.length / MOST_RANGES);
  return Array.from({ length: count }, (_, i) => ranges.slice(i * MOST_RANGES, (i + 1) * MOST_RANGES));
}

export const sumOf = (files: readonly Sized[]): number => files.reduce((sum, { size }) => sum + size, 0);

export const sizeOf = (ranges: ChunkRanges): number => ranges.reduce((sum, range) => sum + range.size, 0);
