import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isOperationError, OperationError } from "@blockvisor/image/container";
import { launchTool } from "../launcher/index.ts";
import { chooseRange, mappedMounts, stageBeside } from "../user-namespace/index.ts";

/**
 * How root file systems can be kept in this folder, found out by trying: overlay does not work on an overlay, over some network
 * file systems, or without the right to mount; reflink works only on some file systems.
 */
export async function detectStorage(folder: string): Promise<"overlay" | "reflink" | "copy"> {
  const probe = join(folder, `.probe-${randomBytes(6).toString("hex")}`);
  await mkdir(probe, { mode: 0o700 });
  try {
    if (await overlayWorks(probe)) return "overlay";
    return (await reflinkWorks(probe)) ? "reflink" : "copy";
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
}

async function overlayWorks(probe: string): Promise<boolean> {
  for (const name of ["lower", "upper", "work", "merged"]) await mkdir(join(probe, name));
  await writeFile(join(probe, "lower", "file"), "");
  const mounted = await succeeds(
    mountOverlay(probe, { lower: "lower", upper: "upper", work: "work", target: "merged" }),
  );
  if (!mounted) return false;
  // A mount that succeeds may still be read-only or unable to rename: write through it.
  const usable = await succeeds(rm(join(probe, "merged", "file")));
  await launchTool("umount", ["merged"], { cwd: probe });
  return usable;
}

async function reflinkWorks(probe: string): Promise<boolean> {
  await writeFile(join(probe, "original"), "x".repeat(8_192));
  return succeeds(launchTool("cp", ["--reflink=always", "original", "clone"], { cwd: probe }));
}

/** Mounts an overlay; all paths are relative to `directory`, so no path can break the option syntax. */
export async function mountOverlay(
  directory: string,
  paths: { readonly lower: string; readonly upper: string; readonly work: string; readonly target: string },
): Promise<void> {
  const options = `nodev,lowerdir=${paths.lower},upperdir=${paths.upper},workdir=${paths.work}`;
  await launchTool("mount", ["-t", "overlay", "overlay", "-o", options, paths.target], {
    cwd: directory,
    // The newer call takes no option of more than 255 characters.
    env: { LIBMOUNT_FORCE_MOUNT2: "always" },
  });
}

/** Ranges that overlays being mounted will have. */
const claimed = new Set<number>();

/**
 * Mounts an overlay whose files belong to a range of ids that nothing else on the machine has: 0 to 65535 on disk are shown as the range. What
 * is written through it needs an id of the range. The mount's options tell the range (`idBaseOf`). Error `no-id-range`.
 */
export async function mountMappedOverlay(
  taken: Iterable<number>,
  paths: {
    readonly lowers: readonly string[];
    readonly folder: string;
    readonly name: string;
    readonly target: string;
  },
): Promise<void> {
  const stage = stageBeside()?.root;
  if (stage === undefined) throw new OperationError("tool-failed", "there is no folder to mount on, like /var/local");
  const base = chooseRange(new Set([...taken, ...claimed]));
  claimed.add(base);
  try {
    const [tool, ...args] = mappedMounts({ verb: "overlay", base, stage, ...paths });
    await launchTool(tool, args);
  } finally {
    claimed.delete(base);
  }
}

/** Why overlays in this folder cannot be shown with other owners; `undefined`: they can. Nothing is ever mounted where others see it. */
export async function tryMappedOverlay(folder: string): Promise<string | undefined> {
  const probe = join(folder, ".own-ids");
  const [lower, own] = [join(probe, "lower"), join(probe, "own")];
  try {
    // Of a trial that was killed.
    await rm(probe, { recursive: true, force: true });
    for (const path of [lower, join(own, "upper"), join(own, "work")])
      await mkdir(path, { recursive: true, mode: 0o700 });
    await mountMappedOverlay([], { lowers: [lower], folder: own, name: "own", target: "" });
    return undefined;
  } catch (error) {
    return reasonOf(error);
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
}

/** Why files of this folder's file system cannot be shown with other owners; `undefined`: they can. */
export async function tryMappedFolder(folder: string): Promise<string | undefined> {
  const [tool, ...args] = mappedMounts({ verb: "try", base: chooseRange(new Set()), folder });
  return launchTool(tool, args).then(
    () => undefined,
    (error) => `files in ${folder} cannot be shown with other owners: ${reasonOf(error)}`,
  );
}

function reasonOf(error: unknown): string {
  if (isOperationError(error)) return error.message;
  throw error;
}

/** The first id of the range that an overlay shows, from its `upperdir`. */
export function idBaseOf(upper: string | undefined): number | undefined {
  const base = /^(\d+)\/roots\//.exec(upper ?? "")?.[1];
  return base === undefined ? undefined : Number(base);
}

async function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    (error: unknown) => {
      if (isOperationError(error, "tool-missing")) throw error;
      return false;
    },
  );
}
