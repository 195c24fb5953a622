import { invalid } from "../../failure.ts";
import { ChunkList, MOST_RANGES, type Sized } from "./chunk-list.ts";

const CHUNK_TARGET = 500_000_000;

/**
 * Assigns files, in order of their paths, to chunks the way the reference does: files are taken from the end, chunks filled from the
 * first, and cut wherever a chunk is full. Chunks that nothing is left for are not made; very many files are cut to more chunks. (§5.4, [D5-16])
 *
 * @param maxBytes of a chunk, but for the remainder of a division; more chunks are made than asked for when they would be larger
 * @throws Failure `chunk-count-invalid`
 */
export function planParts(files: Sized, numberOfChunks?: number, maxBytes = Number.POSITIVE_INFINITY): ChunkList {
  if (numberOfChunks === 0) throw invalid("chunk-count-invalid", "invalid number of chunks - need at leas one");
  const total = bytesOf(files);
  const count = Math.max(numberOfChunks ?? 1 + Math.floor(total / CHUNK_TARGET), Math.ceil(total / maxBytes));
  const size = Math.floor(total / count);
  // Fewer bytes than chunks: all of them fit into the last one.
  const rooms =
    size === 0 ? [total] : Array.from({ length: count }, (_, i) => size + (i === count - 1 ? total % count : 0));
  return fillChunks(files, rooms);
}

/** Fills chunks with these rooms, bytes, from the end of the files. Empty files that follow a full chunk still go with it. */
export function fillChunks(files: Sized, rooms: readonly number[]): ChunkList {
  const chunks = new ChunkList();
  let file = files.length - 1;
  let position = 0;
  for (const capacity of rooms) {
    if (file < 0) break;
    let room = capacity;
    while (file >= 0) {
      const left = files.size(file) - position;
      if (left > 0 && room === 0) break;
      const size = Math.min(left, room);
      if (chunks.filled === MOST_RANGES) chunks.endChunk();
      chunks.add({ file, position, size });
      room -= size;
      position += size;
      if (position < files.size(file)) break;
      file--;
      position = 0;
    }
    chunks.endChunk();
  }
  return chunks;
}

function bytesOf(files: Sized): number {
  let sum = 0;
  for (let file = 0; file < files.length; file += 1) sum += files.size(file);
  return sum;
}
