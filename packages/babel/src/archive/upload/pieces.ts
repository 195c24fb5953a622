import { crc32 } from "node:zlib";
import { ChunkList, type FileRange, MOST_RANGES, type Sized } from "./chunk-list.ts";

type Named = Sized & { path(file: number): string };

const MIB = 1024 * 1024;
/** Files from this size on are cut at multiples of a piece; smaller ones are packed. */
const LARGE = 64 * MIB;
const PIECE = 256 * MIB;
/** For files that are known to be rewritten in place. */
const SMALL_PIECE = 32 * MIB;
const PACK = 256 * MIB;
const PACK_END_ODDS = 64;
const REWRITTEN = /(?:^|\/)(?:[^/]*\.mdb|mdbx\.dat)$/;

/**
 * Cuts files, in order of their paths, into chunks whose borders depend on nothing but the files around them: what did not change
 * between two versions yields the same chunks again. (§9.3)
 *
 * @param rewritten further files to cut finely, because little of their last version was used again
 */
export function cutPieces(files: Named, rewritten: ReadonlySet<string> = new Set()): ChunkList {
  const chunks = new ChunkList();
  let pack: FileRange[] = [];
  let packed = 0;
  const endPack = () => {
    for (const range of pack) chunks.add(range);
    if (pack.length > 0) chunks.endChunk();
    pack = [];
    packed = 0;
  };
  for (let file = 0; file < files.length; file += 1) {
    const path = files.path(file);
    const size = files.size(file);
    if (size >= LARGE) {
      const piece = REWRITTEN.test(path) || rewritten.has(path) ? SMALL_PIECE : PIECE;
      for (let position = 0; position < size; position += piece) {
        chunks.add({ file, position, size: Math.min(piece, size - position) });
        chunks.endChunk();
      }
      continue;
    }
    if (packed + size > PACK || pack.length === MOST_RANGES) endPack();
    pack.push({ file, position: 0, size });
    packed += size;
    if (crc32(path) % PACK_END_ODDS === 0) endPack();
  }
  endPack();
  return chunks;
}
