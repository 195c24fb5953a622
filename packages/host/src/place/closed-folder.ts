import { chmod, mkdir } from "node:fs/promises";

/**
 * A folder that only root may enter, also where it was there before, as the root of a disk that is mounted there: what is set-uid in the
 * container of a node, or in an image, is so on the machine, too.
 */
export async function closeToOthers(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
}
