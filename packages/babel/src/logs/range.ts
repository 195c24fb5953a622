import { open } from "node:fs/promises";
import { isMissing } from "../failure.ts";

/** Up to `length` bytes from `position`; fewer at the end of the file, none if it is gone. */
export async function readRange(path: string, position: number, length: number): Promise<Buffer> {
  const handle = await open(path, "r").catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (handle === undefined) return Buffer.alloc(0);
  try {
    const buffer = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  } finally {
    await handle.close();
  }
}
