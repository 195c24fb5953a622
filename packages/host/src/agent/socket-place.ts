import { lstatSync, unlinkSync } from "node:fs";
import { HostError } from "../errors/host-error.ts";

/**
 * Takes away what has the place of a socket in a node's `run` directory. The container can write there meanwhile: a link goes without being
 * followed, and a directory is left alone, as one that is entered by its path can be exchanged for a link to the machine's own files.
 * Error `conflict`.
 */
export function freeSocketPlace(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return;
    if (!lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error;
    throw new HostError("conflict", `the node's programs have put a directory where a socket belongs: ${path}`, {
      hint: `stop the node, remove the directory (rm -r ${path}) and start the node again`,
      cause: error,
    });
  }
}
