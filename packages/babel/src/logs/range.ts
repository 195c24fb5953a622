import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { isMissing } from "../errno.ts";

/** Whoever reads a log of a node from outside must not be led elsewhere by a link, nor wait at a pipe. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Up to `length` bytes from `position`; fewer at the end of the file, none if it is gone. */
export async function readRange(path: string, position: number, length: number): Promise<Buffer> {
  const handle = await open(path, FLAGS).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (handle === undefined) return Buffer.alloc(0);
  try {
    const stats = await handle.stat();
    const most = stats.isFile() ? Math.max(0, Math.min(length, stats.size - position)) : 0;
    const buffer = Buffer.allocUnsafe(most);
    let filled = 0;
    while (filled < most) {
      const { bytesRead } = await handle.read(buffer, filled, most - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  } finally {
    await handle.close();
  }
}
