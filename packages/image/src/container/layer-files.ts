import { posix } from "node:path";
import type { Readable } from "node:stream";
import { OperationError } from "./operation-error.ts";
import { type TarEntry, tarEntries } from "./tar-entries.ts";

/** A file of an image, as it would be seen in a container. Links are reported, never followed. */
export type ImageFile =
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly content: Buffer }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | { readonly kind: "directory" | "other"; readonly path: string };

export interface FileLimits {
  /** Entries of all kinds below the prefixes, per layer and in the result. */
  readonly maxFiles: number;
  readonly maxFileBytes: number;
  readonly maxTotalBytes: number;
}

export const DEFAULT_FILE_LIMITS: FileLimits = {
  maxFiles: 4_096,
  maxFileBytes: 4 * 1024 * 1024,
  maxTotalBytes: 64 * 1024 * 1024,
};

/** What one layer does to the paths that matter. */
export interface LayerChanges {
  /** Paths whose lower-layer content is hidden. */
  readonly removed: readonly string[];
  /** Directories whose lower-layer entries are all hidden. */
  readonly opaque: readonly string[];
  readonly entries: readonly (ImageFile | HardLink)[];
}

interface HardLink {
  readonly kind: "hardlink";
  readonly path: string;
  readonly target: string;
}

/** Reads one layer tar, keeping only entries below or above `prefixes` (absolute paths). Errors `image-invalid`, `image-files-limit`. */
export async function readLayerChanges(
  stream: Readable,
  prefixes: readonly string[],
  limits: FileLimits,
): Promise<LayerChanges> {
  const removed: string[] = [];
  const opaque: string[] = [];
  const entries: (ImageFile | HardLink)[] = [];
  let total = 0;
  for await (const entry of tarEntries(stream)) {
    const path = absolutePath(entry.path);
    if (path === undefined) continue;
    const name = posix.basename(path);
    if (name === ".wh..wh..opq") {
      if (isRelevant(posix.dirname(path), prefixes)) opaque.push(posix.dirname(path));
      continue;
    }
    if (name.startsWith(".wh.")) {
      const hidden = posix.join(posix.dirname(path), name.slice(4));
      if (isRelevant(hidden, prefixes)) removed.push(hidden);
      continue;
    }
    if (!isRelevant(path, prefixes)) continue;
    if (entries.length >= limits.maxFiles) throw tooMany(`more than ${limits.maxFiles} files`);
    if (entry.kind === "file") total += entry.size;
    if (total > limits.maxTotalBytes) throw tooMany(`more than ${limits.maxTotalBytes} bytes`);
    entries.push(await toFile(entry, path, limits));
  }
  return { removed, opaque, entries };
}

/** Where hard links point that lie outside what was read: a second pass has to read these paths too. */
export function missingTargets(changes: LayerChanges): readonly string[] {
  const present = new Set(changes.entries.map(({ path }) => path));
  return changes.entries.flatMap((entry) =>
    entry.kind === "hardlink" && !present.has(entry.target) ? [entry.target] : [],
  );
}

/** Puts layers on top of each other, lowest first. */
export function mergeLayers(
  layers: readonly LayerChanges[],
  prefixes: readonly string[],
  limits: FileLimits,
): readonly ImageFile[] {
  const files = new Map<string, ImageFile>();
  for (const { removed, opaque, entries } of layers) {
    for (const path of removed) removeTree(files, path, true);
    for (const path of opaque) removeTree(files, path, false);
    const contents = new Map<string, ImageFile>();
    for (const entry of entries) {
      const file = entry.kind === "hardlink" ? followHardLink(entry, contents) : entry;
      contents.set(file.path, file);
      if (file.kind !== "directory" || files.get(file.path)?.kind !== "directory") removeTree(files, file.path, true);
      files.set(file.path, file);
    }
  }
  // Directories above a prefix say nothing; anything else there explains why the prefix is empty.
  const wanted = [...files.values()].filter(
    ({ path, kind }) => isBelow(path, prefixes) || (kind !== "directory" && isRelevant(path, prefixes)),
  );
  if (wanted.length > limits.maxFiles) throw tooMany(`more than ${limits.maxFiles} files`);
  return wanted.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function toFile(entry: TarEntry, path: string, limits: FileLimits): Promise<ImageFile | HardLink> {
  switch (entry.kind) {
    case "file":
      if (entry.size > limits.maxFileBytes) throw tooMany(`${path}, which is larger than ${limits.maxFileBytes} bytes`);
      return { kind: "file", path, mode: entry.mode, content: await entry.read() };
    case "link":
      return { kind: "link", path, target: entry.target };
    case "hardlink":
      return { kind: "hardlink", path, target: absolutePath(entry.target) ?? "" };
    default:
      return { kind: entry.kind, path };
  }
}

function followHardLink(link: HardLink, contents: ReadonlyMap<string, ImageFile>): ImageFile {
  const target = contents.get(link.target);
  return target?.kind === "file" ? { ...target, path: link.path } : { kind: "other", path: link.path };
}

function removeTree(files: Map<string, ImageFile>, path: string, itself: boolean): void {
  if (itself) files.delete(path);
  const below = path === "/" ? "/" : `${path}/`;
  for (const key of files.keys()) if (key.startsWith(below)) files.delete(key);
}

function isBelow(path: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
}

function isRelevant(path: string, prefixes: readonly string[]): boolean {
  return isBelow(path, prefixes) || prefixes.some((prefix) => prefix.startsWith(path === "/" ? "/" : `${path}/`));
}

/** Absolute, without `.` and empty parts; undefined for paths that climb out of the root, which no layer may. */
function absolutePath(path: string): string | undefined {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  return parts.includes("..") ? undefined : `/${parts.join("/")}`;
}

function tooMany(what: string): OperationError {
  return new OperationError("image-files-limit", `the image has ${what} where its plugin and templates are`, {
    fix: "keep data files out of these folders",
  });
}
