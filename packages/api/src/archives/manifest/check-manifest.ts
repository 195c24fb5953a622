import { invalidArgument } from "../../rpc-error.ts";
import type { Destination, Manifest, ManifestChunk } from "./manifest.ts";

const longestPath = 4096;
const longestName = 255;

/**
 * What every published manifest holds (babel-agent D4-04, D4-05): paths that stay below the data directory, files without gaps or overlaps,
 * sizes that add up. @throws INVALID_ARGUMENT that names chunk and path
 */
export function checkManifest({ summary, chunks }: Manifest): void {
  if (summary.chunks !== chunks.length) {
    throw invalidArgument("chunks", `the header says ${summary.chunks}, but there are ${chunks.length}`);
  }
  if (summary.format === 1 && (summary.requires.length > 0 || chunks.some(({ codec }) => codec !== undefined))) {
    throw invalidArgument("format", "has to be 2 where features are required or a chunk has a codec of its own");
  }
  let total = 0;
  const files = new Map<string, Destination[]>();
  for (const [index, chunk] of chunks.entries()) {
    total += checkChunk(chunk, index, summary.zstd !== undefined);
    for (const destination of chunk.destinations) {
      const known = files.get(destination.path);
      if (known === undefined) {
        checkPath(destination.path, index);
        files.set(destination.path, [destination]);
      } else known.push(destination);
    }
  }
  if (total !== summary.totalSize) {
    throw invalidArgument("total_size", `is ${summary.totalSize}, but the chunks make ${total}`);
  }
  checkNames(files);
  for (const [path, ranges] of files) checkRanges(path, ranges, summary.requires.includes("holes"));
}

/** @returns the chunk's uncompressed bytes */
function checkChunk(chunk: ManifestChunk, index: number, compressed: boolean): number {
  const total = chunk.destinations.reduce((sum, { size }) => sum + size, 0);
  if (chunk.destinations.length === 0) throw invalidArgument("chunks", `chunk ${index} has no destination`);
  if (chunk.size > 0 !== total > 0) {
    throw invalidArgument("chunks", `chunk ${index} has ${chunk.size} stored bytes for ${total} bytes of data`);
  }
  const stored = chunk.codec === "none" || (chunk.codec === undefined && !compressed);
  if (stored && chunk.size !== total) {
    throw invalidArgument("chunks", `chunk ${index} is not compressed, but has ${chunk.size} bytes for ${total}`);
  }
  return total;
}

function checkPath(path: string, index: number): void {
  const names = path.split("/");
  const fault =
    Buffer.byteLength(path) > longestPath || names.some((name) => Buffer.byteLength(name) > longestName)
      ? "is too long"
      : path.includes("\0")
        ? "contains a NUL character"
        : !path.isWellFormed() || path.includes("\ufffd")
          ? "is not text"
          : names.some((name) => name === "" || name === "." || name === "..")
            ? "is not a plain relative path"
            : names[0] === ".babel_jobs" || path === ".protocol_data.lock"
              ? "belongs to the agent"
              : undefined;
  if (fault !== undefined) throw invalidArgument("chunks", `chunk ${index}: the path '${path.slice(0, 200)}' ${fault}`);
}

/** No file lies where another file needs a folder. */
function checkNames(files: ReadonlyMap<string, unknown>): void {
  for (const path of files.keys()) {
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      const folder = path.slice(0, at);
      if (files.has(folder)) throw invalidArgument("chunks", `'${folder}' is a file and the folder of '${path}'`);
    }
  }
}

function checkRanges(path: string, ranges: readonly Destination[], holes: boolean): void {
  let end = 0;
  for (const { position, size } of [...ranges].sort((left, right) => left.position - right.position)) {
    // Only a file without content has an empty range, and it has no other.
    if (position < end || (size === 0 && ranges.length > 1)) {
      throw invalidArgument("chunks", `'${path}' is written twice at ${position}`);
    }
    if (position > end && !holes) throw invalidArgument("chunks", `'${path}' has nothing from ${end} to ${position}`);
    end = position + size;
    if (!Number.isSafeInteger(end)) throw invalidArgument("chunks", `'${path}' is too large`);
  }
}
