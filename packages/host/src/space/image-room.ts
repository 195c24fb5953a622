import { existsSync } from "node:fs";
import { rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { isOperationError, runTool } from "@blockvisor/image/container";

const leastBytes = 500_000;

/** Space in an image that the node cannot take: a file beside its data and its root. As large as there is room for. */
export async function keepImageRoom(directory: string, roomBytes: number): Promise<void> {
  const room = roomOf(directory);
  if (existsSync(room)) return;
  const { bavail, bsize } = await statfs(join(directory, "space"));
  const bytes = Math.min(roomBytes, bavail * bsize - leastBytes);
  if (bytes < leastBytes) return;
  await runTool("fallocate", ["--length", String(bytes), "--", room]).catch(async (error: unknown) => {
    // Somebody was quicker.
    if (!isOperationError(error, "tool-failed")) throw error;
    await rm(room, { force: true });
  });
}

export async function giveImageRoom(directory: string): Promise<void> {
  const room = roomOf(directory);
  if (!existsSync(room)) return;
  await rm(room);
  // Only then it can be used again.
  await runTool("sync", ["--file-system", "--", join(directory, "space")]);
}

function roomOf(directory: string): string {
  return join(directory, "space/.room");
}
