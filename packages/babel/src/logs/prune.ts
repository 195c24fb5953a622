import { rm } from "node:fs/promises";
import { type Segment, segmentsIn, timesOf } from "./segments.ts";

const SEGMENT_LIMIT = 256;

/** Removes the oldest segments until the rest has at most `keepBytes`; the newest one always stays. */
export async function pruneLogs(folder: string, keepBytes: number): Promise<number> {
  const segments = [...(await segmentsIn(folder))];
  let total = segments.reduce((sum, segment) => sum + segment.size, 0);
  while (segments.length > 1 && (total > keepBytes || segments.length > SEGMENT_LIMIT)) {
    const oldest = segments.shift() as Segment;
    await rm(oldest.path, { force: true });
    await rm(timesOf(oldest), { force: true });
    total -= oldest.size;
  }
  return total;
}
