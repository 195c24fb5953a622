import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { isMissing } from "../errno.ts";

/**
 * A job's log on disk: what a run printed, as it came, in segments `<run, 10 digits>.<offset of its first byte, 20 digits>.log`.
 * Each begins with a whole line, unless that has more than 64 KiB (D3-03), or an earlier babel cut it between bytes.
 * (run, offset) of a byte never changes and is never used again. A segment of a job with `log_timestamp` has a `.times`
 * file beside it: lines "offset microseconds", the time when the piece that begins there was read.
 */
export type Segment = {
  readonly path: string;
  readonly run: number;
  readonly start: number;
  readonly size: number;
  /** Unix milliseconds of the last write. */
  readonly modifiedAt: number;
};

const NAME = /^(\d{10})\.(\d{20})\.log$/;

/** Segments of a log folder, oldest first. */
export async function segmentsIn(folder: string): Promise<readonly Segment[]> {
  let names: readonly string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
  const found = await Promise.all(names.map((name) => segmentAt(folder, name)));
  const segments = found.filter((segment) => segment !== undefined).sort((a, b) => a.run - b.run || a.start - b.start);
  return segments.map((segment, index) => upTo(segment, segments[index + 1]));
}

/** While a line moves to the segment where it belongs, and when that was cut off, it is in both. */
function upTo(segment: Segment, next: Segment | undefined): Segment {
  if (next === undefined || next.run !== segment.run) return segment;
  return { ...segment, size: Math.min(segment.size, next.start - segment.start) };
}

async function segmentAt(folder: string, name: string): Promise<Segment | undefined> {
  const match = NAME.exec(name);
  if (match === null) return undefined;
  const path = join(folder, name);
  try {
    const stats = await lstat(path);
    if (!stats.isFile()) return undefined;
    const { size, mtimeMs } = stats;
    return { path, run: Number(match[1]), start: Number(match[2]), size, modifiedAt: mtimeMs };
  } catch (error) {
    if (isMissing(error)) return undefined; // rotated away meanwhile
    throw error;
  }
}

export const timesOf = (segment: Segment): string => segment.path.replace(/\.log$/, ".times");
export const endOf = (segment: Segment): number => segment.start + segment.size;
