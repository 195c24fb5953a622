import { constants } from "node:fs";
import { type FileHandle, lstat, open, opendir } from "node:fs/promises";

export interface DiskUse {
  readonly bytes: number;
  /** Whether everything was counted. */
  readonly complete: boolean;
}

const maxDepth = 64;
const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/**
 * Bytes that a tree takes on its disk. The tree belongs to a container: no link is followed, whatever it changes meanwhile, and counting
 * ends at `deadline` (epoch milliseconds) with what was found by then. A tree that is not there takes nothing.
 */
export async function diskUse(directory: string, deadline: number): Promise<DiskUse> {
  const count = { bytes: 0, complete: true };
  /** Hard links within the tree count once. */
  const seen = new Set<number>();

  const visit = async (folder: FileHandle, depth: number): Promise<void> => {
    const path = `/proc/self/fd/${folder.fd}`;
    for await (const entry of await opendir(path)) {
      if (Date.now() > deadline || depth > maxDepth) {
        count.complete = false;
        return;
      }
      const stat = await lstat(`${path}/${entry.name}`).catch(() => undefined);
      if (stat === undefined) continue;
      if (stat.nlink > 1 && !stat.isDirectory()) {
        if (seen.has(stat.ino)) continue;
        seen.add(stat.ino);
      }
      count.bytes += stat.blocks * 512;
      if (stat.isDirectory()) await enter(`${path}/${entry.name}`, depth + 1);
    }
  };
  const enter = async (path: string, depth: number): Promise<void> => {
    const folder = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).catch(() => undefined);
    if (folder === undefined) return;
    try {
      await visit(folder, depth);
    } finally {
      await folder.close();
    }
  };
  await enter(directory, 0);
  return count;
}
