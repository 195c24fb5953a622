import type { ArchiveCleanup, ArchiveRunner } from "./task.ts";

/** Seam for the archive engine. */
export const runArchive: ArchiveRunner = async () => {
  throw new Error("this build of babel has no archive engine");
};

export async function cleanupArchive(_cleanup: ArchiveCleanup): Promise<void> {
  throw new Error("this build of babel has no archive engine");
}
