import { lstat } from "node:fs/promises";
import { isMissing } from "../errno.ts";
import { readRange } from "./range.ts";
import { type Segment, timesOf } from "./segments.ts";

/** When the piece of a run that begins at `offset` was read; Unix milliseconds. */
export type Piece = { readonly offset: number; readonly time: number };

const LINE = /^(\d+) (\d{16})$/;
/** Holds a whole line wherever it begins, with the rest of the one before. */
const PROBE = 96;
const CHUNK = 64 * 1024;
/** Some 400,000 pieces in one batch of lines; later ones would have the time of the last of them. */
const LIMIT = 16 * 1024 * 1024;

/**
 * The pieces of a segment that hold the bytes from one offset of the run to another. Looked up in the file, whose lines are in order: a
 * segment is read in many batches, and its times may be as long as itself.
 */
export async function piecesBetween(segment: Segment, from: number, to: number): Promise<readonly Piece[]> {
  const path = timesOf(segment);
  const pieces: Piece[] = [];
  let at = await placeBefore(path, from);
  const end = at + LIMIT;
  for (let rest = ""; at < end; ) {
    const bytes = await readRange(path, at, CHUNK);
    if (bytes.length === 0) break;
    at += bytes.length;
    const lines = (rest + bytes.toString("latin1")).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const piece = pieceOf(line);
      if (piece === undefined) continue;
      if (piece.offset > to) return pieces;
      // Of those before the first byte only the last counts.
      if (piece.offset <= from) pieces.length = 0;
      pieces.push(piece);
    }
  }
  return pieces;
}

/** Where a line begins that is about `offset` or about what comes before it, near the last such line. */
async function placeBefore(path: string, offset: number): Promise<number> {
  let low = 0;
  for (let high = await sizeOf(path); high - low > CHUNK; ) {
    const middle = Math.floor((low + high) / 2);
    const probe = (await readRange(path, middle, PROBE)).toString("latin1");
    const begin = probe.indexOf("\n") + 1;
    const piece = begin === 0 ? undefined : pieceOf(probe.slice(begin).split("\n", 1)[0] ?? "");
    if (piece === undefined) break;
    if (piece.offset <= offset) low = middle + begin;
    else high = middle;
  }
  return low;
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await lstat(path)).size;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}

function pieceOf(line: string): Piece | undefined {
  const match = LINE.exec(line);
  return match === null ? undefined : { offset: Number(match[1]), time: Number(match[2]) / 1000 };
}
