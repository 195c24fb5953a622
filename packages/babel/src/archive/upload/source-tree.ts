import { isUtf8 } from "node:buffer";
import { type BigIntStats, closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { errnoOf, isMissing, messageOf } from "../../errno.ts";
import { invalid } from "../../failure.ts";
import { Links } from "../format/links.ts";
import { linkFault, pathFault } from "../format/path.ts";
import { cancelled } from "../transfer/retry.ts";
import type { Exclusion } from "./exclude.ts";
import { stampOf } from "./stamp.ts";

/** A regular file of the source, as it was when it was looked at. */
export type SourceFile = {
  /** Relative to the source, separated by `/`. */
  readonly path: string;
  readonly size: number;
  /** Size, inode, modification and change time in ns: another stamp is another content. (D5-04) */
  readonly stamp: string;
  /** Permission bits. */
  readonly mode: number;
};
type SourceLink = { readonly path: string; readonly target: string };
type SourceDirectory = { readonly path: string; readonly mode: number };

export type SourceTree = {
  /** In order of their paths. */
  readonly files: readonly SourceFile[];
  readonly links: readonly SourceLink[];
  readonly directories: readonly SourceDirectory[];
  /** What is in the source, and can not or must not be archived; a line each. */
  readonly skipped: readonly string[];
};

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
/** The agent's own state, when the source is the whole data volume. (D5-03) */
const OWN = new Set([".babel_jobs", ".protocol_data.lock"]);
const BREATH = 1000;

/**
 * Lists what is to be archived. Every directory is opened without following links, and looked at through its own descriptor, so nothing
 * outside the source is ever seen, whoever renames what meanwhile. (§5.3, D5-02, D5-03, D5-12)
 *
 * @throws Failure `source-missing`, `name-not-utf8`, `name-unusable`
 */
export async function scanSource(root: string, excluded: Exclusion, signal?: AbortSignal): Promise<SourceTree> {
  const found = {
    files: [] as SourceFile[],
    links: [] as SourceLink[],
    directories: [] as SourceDirectory[],
    skipped: [] as string[],
  };
  let seen = 0;

  async function walk(directory: number, prefix: string): Promise<void> {
    const here = `/proc/self/fd/${directory}`;
    for (const entry of readdirSync(here, { withFileTypes: true, encoding: "buffer" })) {
      if (++seen % BREATH === 0) {
        await setImmediate();
        if (signal?.aborted) throw cancelled();
      }
      const kind = entry.isFile()
        ? "file"
        : entry.isDirectory()
          ? "directory"
          : entry.isSymbolicLink()
            ? "link"
            : "special";
      const raw = entry.name as unknown as Buffer;
      const path = prefix + raw.toString("utf8");
      if (prefix === "" && OWN.has(path)) continue;
      if (kind === "special") {
        if (!excluded(path)) found.skipped.push(`${path}: neither a file nor a directory nor a link`);
        continue;
      }
      checkName(raw, path);
      if (excluded(path)) continue;
      const inside = `${here}/${raw.toString("utf8")}`;
      const stats = statsOf(inside);
      if (stats === undefined) continue;
      if (kind === "file" && stats.isFile()) found.files.push(sourceFile(path, stats));
      else if (kind === "link" && stats.isSymbolicLink()) takeLink(path, inside);
      else if (kind === "directory" && stats.isDirectory()) {
        const opened = openDirectory(inside);
        if (opened === undefined) continue;
        found.directories.push({ path, mode: Number(stats.mode & 0o777n) });
        try {
          await walk(opened, `${path}/`);
        } finally {
          closeSync(opened);
        }
      }
    }
  }

  function takeLink(path: string, inside: string): void {
    const raw = readlinkSync(inside, "buffer");
    const target = isUtf8(raw) ? raw.toString("utf8") : escaped(raw);
    const fault = isUtf8(raw) ? linkFault(path, target) : "has a target that is not UTF-8";
    if (fault === undefined) found.links.push({ path, target });
    else found.skipped.push(`${path}: the link ${fault}: ${target}`);
  }

  const top = openRoot(root);
  try {
    await walk(top, "");
  } finally {
    closeSync(top);
  }
  const byPath = (a: { readonly path: string }, b: { readonly path: string }) => (a.path < b.path ? -1 : 1);
  found.files.sort(byPath);
  found.links = safeLinks(found.links, found.skipped).sort(byPath);
  found.directories.sort(byPath);
  return found;
}

/** What a download would refuse is not archived. */
function safeLinks(links: readonly SourceLink[], skipped: string[]): SourceLink[] {
  const all = new Links();
  for (const { path, target } of links) all.add(path, target);
  return links.filter(({ path, target }) => {
    const fault = all.fault(path);
    if (fault !== undefined) skipped.push(`${path}: the link ${fault}: ${target}`);
    return fault === undefined;
  });
}

function sourceFile(path: string, stats: BigIntStats): SourceFile {
  return {
    path,
    size: Number(stats.size),
    stamp: stampOf(stats),
    mode: Number(stats.mode & 0o777n),
  };
}

function openRoot(root: string): number {
  try {
    return openSync(root, O_RDONLY | O_DIRECTORY);
  } catch (error) {
    throw invalid("source-missing", `IO error for operation on ${root}: ${messageOf(error)}`);
  }
}

/** Undefined: it is gone, or something else took its place. */
function openDirectory(path: string): number | undefined {
  try {
    return openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    if (isMissing(error) || errnoOf(error) === "ENOTDIR" || errnoOf(error) === "ELOOP") return undefined;
    throw error;
  }
}

const statsOf = (path: string): BigIntStats | undefined => lstatSync(path, { bigint: true, throwIfNoEntry: false });

/** A name that JSON can not carry would come back as another one. (D5-12) */
function checkName(raw: Buffer, path: string): void {
  if (!isUtf8(raw)) {
    const shown = `${path.slice(0, path.lastIndexOf("/") + 1)}${escaped(raw)}`;
    throw invalid(
      "name-not-utf8",
      `can't archive '${shown}': its name is not UTF-8`,
      "Rename or exclude its directory.",
    );
  }
  const fault = pathFault(path);
  if (fault !== undefined)
    throw invalid("name-unusable", `can't archive ${JSON.stringify(path.slice(0, 200))}: the name ${fault}`);
}

const escaped = (raw: Buffer): string =>
  Array.from(raw, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`,
  ).join("");

export const sameFiles = (a: readonly SourceFile[], b: readonly SourceFile[]): boolean =>
  a.length === b.length && a.every(({ path, stamp }, i) => path === b[i]!.path && stamp === b[i]!.stamp);

export const sameTree = (a: SourceTree, b: SourceTree): boolean =>
  sameFiles(a.files, b.files) && JSON.stringify([a.links, a.directories]) === JSON.stringify([b.links, b.directories]);
