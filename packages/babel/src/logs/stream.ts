import { readRange } from "./range.ts";
import { endOf, type Segment, segmentsIn } from "./segments.ts";
import { piecesBetween } from "./times.ts";

/** Position in a job's log: bytes into what a run has printed. Ordered, and never used again. */
export type Cursor = { readonly run: number; readonly offset: number };

export type Line = {
  readonly at: Cursor;
  /** Without its newline. */
  readonly text: Buffer;
  /** Unix milliseconds, when the job's output is time-stamped. */
  readonly time?: number;
  /** The line goes on in the next one. */
  readonly continued: boolean;
};

export type Batch = {
  readonly lines: readonly Line[];
  /** Where to go on: nothing before it is repeated, nothing after it is missed. */
  readonly next: Cursor;
  /** Bytes that were rotated away before they could be read. */
  readonly skipped: number;
};

export const START: Cursor = { run: 0, offset: 0 };
const CHUNK = 256 * 1024;
const LINE_LIMIT = 64 * 1024;
const NEWLINE = 10;

/**
 * Reads on from a cursor: at most 256 KiB of lines. The last line of a run that has not ended yet is held back until its newline
 * comes, unless `partial` asks for it.
 */
export async function readLines(folder: string, after: Cursor, partial: boolean): Promise<Batch> {
  const all = await segmentsIn(folder);
  const segments = all.filter((segment) => segment.size > 0);
  const place = placeOf(segments, after);
  if (place === undefined) return { lines: [], next: after, skipped: 0 };
  const { index, offset, skipped } = place;
  const bytes = await readRun(segments, index, offset);
  const run = segments[index]!.run;
  // A run begins after the log of the one before it is complete.
  const over = all.some((segment) => segment.run > run);
  const atEnd = offset + bytes.length >= endOf(segments.findLast((segment) => segment.run === run)!);

  const lines: Line[] = [];
  let from = 0;
  while (from < bytes.length) {
    const newline = bytes.indexOf(NEWLINE, from);
    const until = newline < 0 ? bytes.length : newline;
    const long = until - from > LINE_LIMIT;
    if (newline < 0 && !long && !(atEnd && (over || partial))) break;
    const end = long ? from + LINE_LIMIT : until;
    const continued = long || (newline < 0 && !over);
    lines.push({ at: { run, offset: offset + from }, text: bytes.subarray(from, end), continued });
    from = long ? end : end + 1;
  }
  const next = { run, offset: offset + Math.min(from, bytes.length) };
  return { lines: await withTimes(lines, segments), next, skipped };
}

type Place = { readonly index: number; readonly offset: number; readonly skipped: number };

/** The segment to read on in, and from which offset of its run. */
function placeOf(segments: readonly Segment[], after: Cursor): Place | undefined {
  const index = segments.findIndex(
    (segment) => segment.run > after.run || (segment.run === after.run && endOf(segment) > after.offset),
  );
  const segment = segments[index];
  if (segment === undefined) return undefined;
  if (segment.run > after.run) return { index, offset: segment.start, skipped: segment.start };
  const offset = Math.max(segment.start, after.offset);
  return { index, offset, skipped: offset - after.offset };
}

/** Up to 256 KiB of one run from an offset on, through the segments that follow each other. */
async function readRun(segments: readonly Segment[], index: number, offset: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let at = offset;
  let left = CHUNK;
  for (const segment of segments.slice(index)) {
    if (left === 0 || segment.run !== segments[index]!.run || segment.start > at) break;
    const part = await readRange(segment.path, at - segment.start, Math.min(left, endOf(segment) - at));
    parts.push(part);
    at += part.length;
    left -= part.length;
    if (at < endOf(segment)) break;
  }
  return Buffer.concat(parts);
}

async function withTimes(lines: readonly Line[], segments: readonly Segment[]): Promise<readonly Line[]> {
  const first = lines[0];
  const last = lines.at(-1);
  if (first === undefined || last === undefined) return lines;
  const touched = segments.filter(
    (segment) => segment.run === first.at.run && endOf(segment) > first.at.offset && segment.start <= last.at.offset,
  );
  const pieces = touched.map((segment) => piecesBetween(segment, first.at.offset, last.at.offset));
  const times = (await Promise.all(pieces)).flat();
  if (times.length === 0) return lines;
  let index = 0;
  return lines.map((line) => {
    while (index + 1 < times.length && times[index + 1]!.offset <= line.at.offset) index += 1;
    const entry = times[index]!;
    return entry.offset <= line.at.offset ? { ...line, time: entry.time } : line;
  });
}

/** Where the last `count` lines of a log begin, or those of one run. */
export async function tailCursor(folder: string, count: number, only?: number): Promise<Cursor> {
  const segments = (await segmentsIn(folder)).filter((segment) => only === undefined || segment.run === only);
  let left = count;
  let run = -1;
  for (const segment of [...segments].reverse()) {
    // The end of a run ends a line, with or without newline.
    let end = segment.size;
    if (segment.run !== run && segment.size > 0) {
      run = segment.run;
      if (left === 0) return { run, offset: endOf(segment) };
      const [last] = await readRange(segment.path, segment.size - 1, 1);
      if (last === NEWLINE) end -= 1;
    }
    while (end > 0) {
      const from = Math.max(0, end - CHUNK);
      const bytes = await readRange(segment.path, from, end - from);
      for (let at = bytes.lastIndexOf(NEWLINE); at >= 0; at = at === 0 ? -1 : bytes.lastIndexOf(NEWLINE, at - 1)) {
        left -= 1;
        if (left <= 0) return { run: segment.run, offset: segment.start + from + at + 1 };
      }
      end = from;
    }
    if (segment.start === 0 && segment.size > 0) {
      left -= 1;
      if (left <= 0) return { run: segment.run, offset: 0 };
    }
  }
  // What was rotated away before the first segment is missed.
  return { run: segments[0]?.run ?? only ?? START.run, offset: 0 };
}

/** Where the segment begins that holds what was printed at a time; lines before it are sorted out by their own times. */
export async function sinceCursor(folder: string, since: number): Promise<Cursor> {
  const segments = await segmentsIn(folder);
  const segment = segments.find((each) => each.modifiedAt >= since);
  if (segment !== undefined) return { run: segment.run, offset: segment.start };
  const last = segments.at(-1);
  return last === undefined ? START : { run: last.run, offset: endOf(last) };
}
