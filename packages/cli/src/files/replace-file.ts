import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Failure, reason } from "../failure/failure.ts";

/** Writes a whole file so that after a crash it is either the old one or the new one, and durable when this returns. */
export function replaceFile(path: string, content: string, mode: number): void {
  const directory = dirname(path);
  const temporary = join(directory, `.${basename(path)}.${process.pid}.tmp`);
  try {
    const file = openSync(temporary, "w", mode);
    try {
      fchmodSync(file, mode);
      writeSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    syncDirectory(directory);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new Failure("file-unwritable", `cannot write ${path}`, {
      causes: [reason(error)],
      hint: "check the permissions of its directory and the free space",
    });
  }
}

function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
