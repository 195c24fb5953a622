import type { FileHandle } from "node:fs/promises";

/** The last `maxBytes` of a file, and how long it is. */
export async function tailOf(file: FileHandle, maxBytes: number): Promise<{ size: number; content: Buffer }> {
  const { size } = await file.stat();
  const length = Math.min(size, maxBytes);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
  return { size: size - length + bytesRead, content: buffer.subarray(0, bytesRead) };
}
