import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isOperationError, runTool } from "@blockvisor/image/container";

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
  await runTool("umount", ["merged"], { cwd: probe });
  return usable;
}

async function reflinkWorks(probe: string): Promise<boolean> {
  await writeFile(join(probe, "original"), "x".repeat(8_192));
  return succeeds(runTool("cp", ["--reflink=always", "original", "clone"], { cwd: probe }));
}

/** Mounts an overlay; all paths are relative to `directory`, so no path can break the option syntax. */
export async function mountOverlay(
  directory: string,
  paths: { readonly lower: string; readonly upper: string; readonly work: string; readonly target: string },
): Promise<void> {
  const options = `nodev,lowerdir=${paths.lower},upperdir=${paths.upper},workdir=${paths.work}`;
  await runTool("mount", ["-t", "overlay", "overlay", "-o", options, paths.target], { cwd: directory });
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
