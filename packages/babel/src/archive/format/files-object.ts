import { checkPath, linkFault } from "./path.ts";
import { refuse } from "./refusal.ts";

/**
 * `manifest-files.json`, the side object with what chunks cannot say (§9.4): JSON lines, so that a million files need no memory. Every line is one
 * entry; unknown kinds are skipped. Mode is the permission bits, mtime Unix nanoseconds as text.
 */
export type FilesEntry =
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly mtime?: string }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | { readonly kind: "folder"; readonly path: string; readonly mode: number }
  /** sha256 of a chunk's uncompressed bytes: with it, data on disk can be verified. */
  | { readonly kind: "content"; readonly chunk: number; readonly sha256: string };

const LINE_BYTES = 16 * 1024;
const HEX = /^[0-9a-f]{64}$/;

export const filesLine = (entry: FilesEntry): string => `${JSON.stringify(entry)}\n`;

/** @returns undefined for a kind that a later version may have added @throws InvalidManifest */
export function filesEntry(line: string): FilesEntry | undefined {
  if (line.length > LINE_BYTES) return refuse("a line of its files is too long");
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return refuse("a line of its files is not JSON");
  }
  const { kind, path, mode, target, chunk, sha256, mtime } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (kind === "content") {
    if (!Number.isSafeInteger(chunk) || typeof sha256 !== "string" || !HEX.test(sha256))
      return refuse("a content hash");
    return { kind, chunk: chunk as number, sha256 };
  }
  if (kind !== "file" && kind !== "link" && kind !== "folder") return undefined;
  if (typeof path !== "string") return refuse("a path of its files is not a text");
  checkPath(path);
  if (kind === "link") {
    const fault = typeof target === "string" ? linkFault(path, target) : "has no target";
    if (fault !== undefined) return refuse(`link ${JSON.stringify(path.slice(0, 200))} ${fault}`);
    return { kind, path, target: target as string };
  }
  if (!Number.isInteger(mode) || (mode as number) < 0 || (mode as number) > 0o777) {
    return refuse(`${kind} ${JSON.stringify(path.slice(0, 200))} has mode ${String(mode)}`);
  }
  if (kind === "folder") return { kind, path, mode: mode as number };
  return { kind, path, mode: mode as number, ...(typeof mtime === "string" ? { mtime } : {}) };
}
