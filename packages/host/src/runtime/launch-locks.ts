import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { lockFile } from "@blockvisor/image/container";

/**
 * A lock per node, for starting and clearing its container. The tool that starts one holds it as well, so that one that outlived a killed
 * daemon is waited for instead of raced. A daemon keeps a lock it has once got: nobody else wants it while the daemon lives.
 */
export interface LaunchLocks {
  /** One after another per node. `work` gets the descriptor for the tool to inherit. */
  hold<T>(nodeId: string, work: (lock: number) => Promise<T>, call: { readonly signal?: AbortSignal }): Promise<T>;
  /** Of a node that is gone. */
  forget(nodeId: string): Promise<void>;
}

/** Locks are those of the process, by their paths, however many runtimes it has. */
const held = new Map<string, FileHandle>();
const turns = new Map<string, Promise<unknown>>();

export function createLaunchLocks(folder: string): LaunchLocks {
  async function acquire(path: string, call: { readonly signal?: AbortSignal }): Promise<FileHandle> {
    const known = held.get(path);
    if (known) return known;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const file = await open(path, "a", 0o600);
    try {
      await lockFile(file.fd, call);
    } catch (error) {
      await file.close();
      throw error;
    }
    held.set(path, file);
    return file;
  }

  return {
    hold(nodeId, work, call) {
      const path = join(folder, nodeId);
      const turn = (turns.get(path) ?? Promise.resolve()).then(async () => work((await acquire(path, call)).fd));
      turns.set(
        path,
        turn.catch(() => {}),
      );
      return turn;
    },

    async forget(nodeId) {
      const path = join(folder, nodeId);
      await turns.get(path);
      turns.delete(path);
      await rm(path, { force: true });
      await held.get(path)?.close();
      held.delete(path);
    },
  };
}
