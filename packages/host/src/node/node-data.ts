import { lstat, readlink, rename, rm, symlink } from "node:fs/promises";
import { dirname } from "node:path";
import { isOperationError, runTool } from "@blockvisor/image/container";
import { syncDirectory } from "../durable/index.ts";
import { HostError } from "../errors/host-error.ts";

/** Terabytes take hours. */
const copyTimeoutMs = 48 * 3_600_000;

/**
 * Copies a tree to a directory that appears only when it is complete and on disk; one that is there already is such a copy. Shares the
 * blocks where the file system can (reflink). Cut or aborted, it leaves at most `<to>.partial`, which the next call removes.
 */
export async function copyTree(from: string, to: string, signal: AbortSignal): Promise<void> {
  if (await isDirectory(to)) return;
  const partial = `${to}.partial`;
  await removeTree(partial);
  try {
    await runTool("cp", ["-a", "--reflink=auto", "--one-file-system", "--", `${from}/.`, partial], {
      timeoutMs: copyTimeoutMs,
      signal,
    });
    await runTool("sync", ["--file-system", "--", partial], { timeoutMs: copyTimeoutMs });
  } catch (error) {
    await removeTree(partial);
    if (isOperationError(error, "tool-failed") && /No space left|Disk quota exceeded/.test(error.message)) {
      throw new HostError("no_resources", `not enough disk space for the data at ${dirname(to)}`, {
        hint: "free some space there, or choose another directory; nothing was changed",
        cause: error,
      });
    }
    throw error;
  }
  await rename(partial, to);
  await syncDirectory(dirname(to));
}

/** Shows a complete copy as the node's `data`: the copy itself takes that name, or a link to it. May be cut anywhere and repeated. */
export async function showAs(data: string, copy: string, how: "itself" | "link"): Promise<void> {
  if (how === "itself") {
    if ((await readlink(data).catch(() => undefined)) !== undefined) await rm(data);
    if (await isDirectory(copy)) await rename(copy, data);
  } else if (!(await leadsTo(data, copy))) {
    const fresh = `${data}.new`;
    await rm(fresh, { force: true });
    await symlink(copy, fresh);
    // A directory cannot be replaced by a link in one step: it steps aside first, under a name that nothing else uses.
    if (await isDirectory(data)) await rename(data, `${data}.old`);
    await rename(fresh, data);
  }
  await syncDirectory(dirname(data));
  await removeTree(`${data}.old`);
}

/** Whether `data` is a link to that place. */
export async function leadsTo(data: string, place: string): Promise<boolean> {
  return (await readlink(data).catch(() => undefined)) === place;
}

export async function removeTree(path: string): Promise<void> {
  await runTool("rm", removal(path), { timeoutMs: copyTimeoutMs });
}

/** As `removeTree`, only while nobody else wants the disk (spec host-daemon DB-4.6). */
export async function removeTreeIdly(path: string): Promise<void> {
  try {
    await runTool("ionice", ["-c3", "-t", "rm", ...removal(path)], { timeoutMs: copyTimeoutMs });
  } catch (error) {
    if (!isOperationError(error, "tool-missing")) throw error;
    await removeTree(path);
  }
}

const removal = (path: string): readonly string[] => ["-rf", "--one-file-system", "--", path];

export async function isDirectory(path: string): Promise<boolean> {
  return lstat(path).then(
    (stat) => stat.isDirectory(),
    () => false,
  );
}
