import { randomBytes } from "node:crypto";
import { stat, statfs, truncate, writeFile } from "node:fs/promises";

const ballastBytes = 4_000_000;
/** Given up at a time, as whoever has filled the disk may take the rest: states of dozens of nodes. */
const portionBytes = 250_000;
const renewMs = 30_000;

export interface Ballast {
  /** What is written below this directory may have the space. */
  readonly directory: string;
  /** On the same disk. */
  readonly file: string;
  /** Some of it was given up. */
  readonly onUsed: () => void;
}

const kept = new Set<Ballast>();

/**
 * Keeps a little space for what has to be written on a full disk: that a node is to be stopped or deleted, which is what makes room again
 * (spec host-daemon C27). `writeDurable` gives up a portion when it has to; it is made anew when there is space again. Returns at once.
 */
export function keepBallast(ballast: Ballast): { stop(): void } {
  const { file, directory } = ballast;
  const renew = async (): Promise<void> => {
    const size = (await stat(file).catch(() => undefined))?.size;
    if (size === ballastBytes) return;
    const { bavail, bsize } = await statfs(directory);
    // Where this is all there is, others need it more.
    if (bavail * bsize < 4 * ballastBytes) return;
    // Not zeros, which some file systems store as nothing.
    await writeFile(file, randomBytes(ballastBytes), { mode: 0o600 });
  };
  const again = (): void => void renew().catch(() => {}); // It is tried again.
  kept.add(ballast);
  again();
  const timer = setInterval(again, renewMs).unref();
  return {
    stop: () => {
      clearInterval(timer);
      kept.delete(ballast);
    },
  };
}

/** Whether it makes sense to write again what failed with this error at this path: there may be space for it now. */
export async function makesRoom(path: string, error: unknown): Promise<boolean> {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "ENOSPC" && code !== "EDQUOT") return false;
  const ballast = [...kept].find(({ directory }) => path.startsWith(`${directory}/`));
  if (ballast === undefined) return false;
  const { file, onUsed } = ballast;
  const left = (await stat(file).catch(() => undefined))?.size ?? 0;
  if (left > 0) await truncate(file, Math.max(0, left - portionBytes)).then(onUsed, () => {});
  return true;
}
