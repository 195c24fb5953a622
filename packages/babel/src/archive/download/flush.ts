import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runTool } from "../../process/tool.ts";
import { TransferFault } from "../transfer/fault.ts";

/**
 * Everything that was written to the file system of a folder is on the disk afterwards. (D4-02) Node has no `syncfs`; one call of it takes less than
 * an fsync of each of many files.
 *
 * @throws TransferFault `environment`: what was written may be lost
 */
export async function flushFileSystem(folder: string): Promise<void> {
  const { code, stderr } = await runTool([...syncTool(), "-f", folder]);
  if (code === 0) return;
  const reason = stderr.trim().slice(0, 500) || `sync ended with ${code}`;
  throw new TransferFault("environment", `can't flush ${folder} to disk: ${reason}`);
}

/** Babel's own busybox lies beside the bundle; a run from source uses the system's tool. */
function syncTool(): [string, ...string[]] {
  const busybox = join(dirname(fileURLToPath(import.meta.url)), "busybox");
  return existsSync(busybox) ? [busybox, "sync"] : ["sync"];
}
