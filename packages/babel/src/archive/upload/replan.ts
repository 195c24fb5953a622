import { type ChunkRanges, type FileRange, planParts } from "./blueprint.ts";
import type { SourceFile } from "./source-tree.ts";

/** Which bytes are in which chunk; `ranges` name files by their position in `files`. */
export type Blueprint = { readonly files: readonly SourceFile[]; readonly chunks: readonly ChunkRanges[] };

/** A chunk takes in this much of a file that grew; what is more goes into chunks of its own. Bytes. */
const GROWTH = 64 * 1024 * 1024;

/**
 * Fits a blueprint to files that changed meanwhile. Chunks that no changed file touches keep number and content, so what is stored of
 * them stays good; a chunk that nothing is left for is replaced by the last one. (D5-04, §9.6)
 */
export function replanParts(
  before: Blueprint,
  files: readonly SourceFile[],
  maxBytes = Number.POSITIVE_INFINITY,
): Blueprint {
  const position = new Map(files.map(({ path }, file) => [path, file]));
  const known = new Set(before.files.map(({ path }) => path));
  const rest: { readonly file: number; readonly from: number; readonly size: number }[] = [];
  const fitted = before.chunks.map((ranges) => {
    const kept: FileRange[] = [];
    for (const range of ranges) {
      const old = before.files[range.file]!;
      const file = position.get(old.path);
      if (file === undefined) continue;
      const { size } = files[file]!;
      const last = range.position + range.size === old.size;
      const wanted = last ? size : Math.min(size, range.position + range.size);
      const length = Math.min(wanted - range.position, Math.max(range.size, Math.min(range.size + GROWTH, maxBytes)));
      // Beyond a new end there is nothing left, but an empty file stays one.
      if (length > 0 || (length === 0 && range.position === 0))
        kept.push({ file, position: range.position, size: length });
      const end = range.position + Math.max(length, 0);
      if (last && end < size) rest.push({ file, from: end, size: size - end });
    }
    return kept;
  });
  files.forEach(({ path, size }, file) => {
    if (!known.has(path)) rest.push({ file, from: 0, size });
  });
  const added = planParts(rest).map((ranges) =>
    ranges.map((range) => ({
      file: rest[range.file]!.file,
      position: rest[range.file]!.from + range.position,
      size: range.size,
    })),
  );
  return { files, chunks: closeGaps([...fitted, ...added]) };
}

/** Chunk numbers have no gaps, and no chunk is without a file. */
function closeGaps(chunks: readonly ChunkRanges[]): readonly ChunkRanges[] {
  const closed = [...chunks];
  for (let index = 0; index < closed.length; index++) {
    while (closed.length > 0 && closed.at(-1)!.length === 0) closed.pop();
    if (index < closed.length && closed[index]!.length === 0) closed[index] = closed.pop()!;
  }
  return closed;
}
