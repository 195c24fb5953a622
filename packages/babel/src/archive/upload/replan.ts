import { smallNumbers } from "../column.ts";
import { planParts } from "./blueprint.ts";
import { ChunkList, Ranges } from "./chunk-list.ts";
import { joined, type SourceFiles } from "./source-files.ts";

/** Which bytes are in which chunk; `chunks` name files by their position in `files`. */
export type Blueprint = { readonly files: SourceFiles; readonly chunks: ChunkList };

/** A chunk takes in this much of files that grew; what is more goes into chunks of its own. Bytes. */
const GROWTH = 64 * 1024 * 1024;
const GONE = 2 ** 32 - 1;

/**
 * Fits a blueprint to files that changed meanwhile. Chunks that no changed file touches keep number and content, so what is stored of
 * them stays good; a chunk that nothing is left for is replaced by the last one. (D5-04, §9.6)
 */
export function replanParts(before: Blueprint, files: SourceFiles, maxBytes = Number.POSITIVE_INFINITY): Blueprint {
  /** Where each file is now. */
  const places = smallNumbers();
  const rest = new Ranges();
  const fresh: number[] = [];
  for (const { before: old, now } of joined(before.files, files)) {
    if (old !== undefined) places.push(now ?? GONE);
    else if (now !== undefined) fresh.push(now);
  }
  const fitted = new ChunkList();
  for (let chunk = 0; chunk < before.chunks.length; chunk += 1) {
    let growth = Math.min(GROWTH, Math.max(0, maxBytes - before.chunks.sizeOf(chunk)));
    for (const range of before.chunks.ranges(chunk)) {
      const file = places.at(range.file);
      if (file === GONE) continue;
      const size = files.size(file);
      const last = range.position + range.size === before.files.size(range.file);
      const wanted = last ? size : Math.min(size, range.position + range.size);
      const length = Math.min(wanted - range.position, range.size + growth);
      growth -= Math.max(0, length - range.size);
      // Beyond a new end there is nothing left, but an empty file stays one.
      if (length > 0 || (length === 0 && range.position === 0))
        fitted.add({ file, position: range.position, size: length });
      const end = range.position + Math.max(length, 0);
      if (last && end < size) rest.add({ file, position: end, size: size - end });
    }
    fitted.endChunk();
  }
  for (const file of fresh) rest.add({ file, position: 0, size: files.size(file) });
  const added = planParts(rest, undefined, maxBytes);
  for (let chunk = 0; chunk < added.length; chunk += 1) {
    for (const range of added.ranges(chunk)) {
      const { file, position } = rest.at(range.file);
      fitted.add({ file, position: position + range.position, size: range.size });
    }
    fitted.endChunk();
  }
  return { files, chunks: closeGaps(fitted) };
}

/** Chunk numbers have no gaps, and no chunk is without a file. */
function closeGaps(chunks: ChunkList): ChunkList {
  const closed = new ChunkList();
  let end = chunks.length;
  const dropEmpty = (): void => {
    while (end > 0 && chunks.count(end - 1) === 0) end -= 1;
  };
  for (let at = 0; ; at += 1) {
    dropEmpty();
    if (at >= end) return closed;
    const from = chunks.count(at) > 0 ? at : --end;
    for (const range of chunks.ranges(from)) closed.add(range);
    closed.endChunk();
  }
}
