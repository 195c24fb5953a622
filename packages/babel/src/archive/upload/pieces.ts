import { crc32 } from "node:zlib";
import type { ChunkRanges, FileRange } from "./blueprint.ts";

type Named = { readonly path: string; readonly size: number };

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
export function cutPieces(files: readonly Named[], rewritten: ReadonlySet<string> = new Set()): readonly ChunkRanges[] {
  const chunks: ChunkRanges[] = [];
  let pack: FileRange[] = [];
  let packed = 0;
  const endPack = () => {
    if (pack.length > 0) chunks.push(pack);
    pack = [];
    packed = 0;
  };
  files.forEach(({ path, size }, file) => {
    if (size >= LARGE) {
      const piece = REWRITTEN.test(path) || rewritten.has(path) ? SMALL_PIECE : PIECE;
      for (let position = 0; position < size; position += piece) {
        chunks.push([{ file, position, size: Math.min(piece, size - position) }]);
      }
      return;
    }
    if (packed + size > PACK) endPack();
    pack.push({ file, position: 0, size });
    packed += size;
    if (crc32(path) % PACK_END_ODDS === 0) endPack();
  });
  endPack();
  return chunks;
}
