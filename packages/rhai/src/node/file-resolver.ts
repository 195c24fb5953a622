import { closeSync, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { dirname, format, isAbsolute, parse, resolve, sep } from "node:path";
import type { ImporterInfo, ModuleResolver, ResolvedModule } from "../modules/resolver.ts";

export interface FileResolverOptions {
  /** Folder that relative paths start from. Default: the folder of the importing script. */
  readonly base?: string;
  /** Folder that no import may leave, neither by `..` nor by an absolute path or a link. Default: no such limit, as in the reference. */
  readonly within?: string;
  /** Largest file that is read, in bytes. Default 16 MiB. */
  readonly maxBytes?: number;
}

/**
 * Finds modules in files (spec 11): the extension of the path is replaced by `.rhai`, so `"aux"`, `"aux.rhai"` and
 * `"aux.txt"` are all `aux.rhai`. A missing file, and one outside of `within`, is no module (`Module not found`).
 */
export class FileModuleResolver implements ModuleResolver {
  private readonly options: FileResolverOptions;

  constructor(options: FileResolverOptions = {}) {
    this.options = options;
  }

  resolve(path: string, importer: ImporterInfo): ResolvedModule | null {
    const { base, within, maxBytes = 16 * 1024 * 1024 } = this.options;
    if (path.includes("\0")) return null;
    const { dir, root, name } = parse(path);
    const file = format({ dir, root, name, ext: ".rhai" });
    const id = isAbsolute(file) ? resolve(file) : resolve(base ?? dirname(importer.id), file);
    const text = readScriptFile(id, within ?? null, maxBytes);
    return text === null ? null : { id, text };
  }
}

/** The text of a file below `within` without its `#!` line; null when there is none. */
function readScriptFile(path: string, within: string | null, maxBytes: number): string | null {
  let file: number;
  try {
    if (within !== null && !realpathSync(path).startsWith(`${realpathSync(within)}${sep}`)) return null;
    file = openSync(path, "r");
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
  try {
    const { size } = fstatSync(file);
    if (!fstatSync(file).isFile()) return null;
    if (size > maxBytes) throw new Error(`${path} is larger than ${maxBytes} bytes`);
    const bytes = Buffer.alloc(size);
    for (let at = 0; at < size; ) {
      const read = readSync(file, bytes, at, size - at, at);
      if (read === 0) break;
      at += read;
    }
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes).replace(/^#![^\n]*/, "");
  } finally {
    closeSync(file);
  }
}

function isAbsent(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return code === "ENOENT" || code === "ENOTDIR" || code === "ENAMETOOLONG" || code === "ELOOP";
}
