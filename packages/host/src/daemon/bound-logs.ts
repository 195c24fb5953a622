import { statSync } from "node:fs";
import { open } from "node:fs/promises";
import type { NodeTable } from "../node/node-table.ts";

const periodMs = 30_000;
const maxBytes = 8_000_000;
const keptBytes = 1_000_000;

/** A node's processes can write to what init and babel print to, without end; between two looks the guard of the disk holds them. */
export function boundLogs(nodes: NodeTable): { stop(): void } {
  const timer = setInterval(() => {
    for (const { parts } of nodes.actors()) {
      for (const path of [parts.paths.containerLog, parts.paths.agentLog]) {
        void boundLog(path).catch((error: unknown) => parts.log.warn(`${path}: ${(error as Error).message}`));
      }
    }
  }, periodMs).unref();
  return { stop: () => clearInterval(timer) };
}

/** Keeps the end of a log that has become too long. Whoever writes to it appends, wherever its end is then. */
export async function boundLog(path: string): Promise<void> {
  // Nearly always nothing is to be done, for hundreds of logs.
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) <= maxBytes) return;
  const file = await open(path, "r+").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (file === undefined) return;
  try {
    const { size } = await file.stat();
    if (size <= maxBytes) return;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(keptBytes), 0, keptBytes, size - keptBytes);
    await file.truncate(0);
    const kept = buffer.subarray(0, bytesRead);
    // Begins with a whole line.
    await file.write(kept, kept.indexOf("\n") + 1, undefined, 0);
  } finally {
    await file.close();
  }
}
