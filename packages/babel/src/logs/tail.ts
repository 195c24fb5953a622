import { readRange } from "./range.ts";
import { segmentsIn } from "./segments.ts";

/** The last `limit` bytes of a log, over all its segments. */
export async function tailOfLog(folder: string, limit: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let left = limit;
  for (const segment of [...(await segmentsIn(folder))].reverse()) {
    if (left <= 0) break;
    const from = Math.max(0, segment.size - left);
    const part = await readRange(segment.path, from, Math.min(left, segment.size));
    parts.unshift(part);
    left -= part.length;
  }
  return Buffer.concat(parts);
}
