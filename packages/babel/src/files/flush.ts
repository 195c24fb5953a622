import { runTool } from "../process/tool.ts";

const FAULT_LIMIT = 500;

/** `interrupted`: a signal, like that of a terminal, ended it; the disk said nothing. */
export type Flushed =
  | { readonly kind: "flushed" }
  | { readonly kind: "interrupted" }
  | { readonly kind: "failed"; readonly reason: string };

/**
 * Everything that was written to the file system of a folder is on the disk afterwards. Node has no `syncfs`; one call of it takes less than an fsync of
 * each of many files. After one that failed there is no use in another: the kernel tells a failed write once.
 *
 * @param busybox undefined: the system's own `sync`
 */
export async function flushFileSystem(folder: string, busybox: string | undefined): Promise<Flushed> {
  const sync: [string, ...string[]] = busybox === undefined ? ["sync"] : [busybox, "sync"];
  const { code, stderr } = await runTool([...sync, "-f", folder]);
  if (code === 0) return { kind: "flushed" };
  if (code === null) return { kind: "interrupted" };
  return { kind: "failed", reason: stderr.trim().slice(0, FAULT_LIMIT) || `sync ended with ${code}` };
}
