import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { CommandError } from "./usage-error.ts";

/** Text of a script file; `-` is standard input. */
export function readScript(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path === "-" ? 0 : path);
  } catch (error) {
    throw new CommandError("cannot-read", `cannot read ${path}: ${reason(error)}`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CommandError("not-utf8", `${path} is not UTF-8 text`, "save it in UTF-8");
  }
}

/** A script text with the `#!` line of an executable file blanked (spec 1.1): everything else keeps its place. */
export function withoutShebang(text: string): string {
  return text.replace(/^#![^\n]*/, (line) => " ".repeat(line.length));
}

/** The scripts that arguments name: files as they are, of folders every `*.rhai` below. */
export function scriptFiles(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => {
    if (path === "-" || !isFolder(path)) return [path];
    return readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(".rhai"))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  });
}

/** Puts a new text into the place of a file; whatever happens, the file holds the old or the new one. */
export function replaceFile(path: string, text: string): void {
  const temporary = join(dirname(path), `.${process.pid}.rhai-fmt`);
  try {
    const file = openSync(temporary, "wx", statSync(path).mode);
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    const folder = openSync(dirname(path), "r");
    fsyncSync(folder);
    closeSync(folder);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new CommandError("cannot-write", `cannot write ${path}: ${reason(error)}`);
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function reason(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EACCES") return "permission denied";
  if (code === "EISDIR") return "it is a folder";
  return error instanceof Error ? error.message : String(error);
}
