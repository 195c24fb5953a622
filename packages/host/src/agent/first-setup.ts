import { unlink } from "node:fs/promises";
import { join } from "node:path";
import { failpoint, writeForThisBoot } from "../durable/index.ts";

/** What babel is set up with (proto `SetupRequest`), as its file in the folder of the sockets says it. */
export interface FirstSetup {
  readonly node_env: object;
  readonly ramdisks: readonly { readonly ram_disk_mount_point: string; readonly ram_disk_size_mb: number }[];
  readonly secret: string;
  readonly log_limit_mb?: number;
  readonly log_segments?: number;
}

const pathIn = (runDirectory: string): string => join(runDirectory, "setup.json");

/**
 * Puts what babel would be told by its first call where it finds it at its start, which saves that call. Resolves with whether it is there: the container
 * can write to the folder, and a disk can be full.
 */
export async function offerSetup(runDirectory: string, setup: FirstSetup): Promise<boolean> {
  const isThere = await writeForThisBoot(pathIn(runDirectory), JSON.stringify(setup)).then(
    () => true,
    () => false,
  );
  failpoint("agent.setup-offered");
  return isThere;
}

/** Takes the file away; `taken` when babel, which removes it once it is set up, has done so. */
export async function withdrawSetup(runDirectory: string): Promise<"taken" | "left"> {
  return unlink(pathIn(runDirectory)).then(
    () => "left",
    (error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? "taken" : "left"),
  );
}
