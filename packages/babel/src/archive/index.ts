import type { ArchiveCleanup, ArchiveResult, ArchiveTask } from "./task.ts";

/** Seam for the archive engine. */
export async function runArchive(_task: ArchiveTask): Promise<ArchiveResult> {
  throw new Error("this build of babel has no archive engine");
}

export async function cleanupArchive(_cleanup: ArchiveCleanup): Promise<void> {
  throw new Error("this build of babel has no archive engine");
}
