import { isUtf8 } from "node:buffer";
import { type BigIntStats, closeSync, constants, lstatSync, opendirSync, openSync, readlinkSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { errnoOf, isMissing, messageOf } from "../../errno.ts";
import { invalid } from "../../failure.ts";
import { Links } from "../format/links.ts";
import { linkFault, pathFault } from "../format/path.ts";
import { cancelled } from "../transfer/retry.ts";
import type { Exclusion } from "./exclude.ts";
import { SourceDirectories } from "./source-directories.ts";
import { type MayGrow, never, SourceFiles, sameFiles } from "./source-files.ts";
import type { Identity } from "./stamp.ts";

type SourceLink = { readonly path: string; readonly target: string };

export type SourceTree = {
  readonly files: SourceFiles;
  /** In order of their paths. */
  readonly links: readonly SourceLink[];
  readonly directories: SourceDirectories;
  /** What is in the source, and can not or must not be archived; a line each. */
  readonly skipped: readonly string[];
};

/** Is told what there is, in order of the paths. */
type Visitor = {
  file(path: string, stats: BigIntStats): void;
  directory(path: string, mode: number): void;
  link(path: string, target: string): void;
  skipped(line: string): void;
};

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
/** The agent's own state, when the source is the whole data volume. (D5-03) */
const OWN = new Set([".babel_jobs", ".protocol_data.lock"]);
const BREATH = 1000;
/** No name has it. */
const SPECIAL = "\0";

/**
 * Makes a list of files that come in order of their paths; a list that is known already is used as long as it says the same, and so is what it
 * says of files that may grow.
 */
class FilesList {
  readonly #known: SourceFiles | undefined;
  readonly #mayGrow: MayGrow;
  /** So many are as the known list says. */
  #same = 0;
  #files: SourceFiles | undefined;
  /** In the known list. */
  #place = 0;

  constructor(known: SourceFiles | undefined, mayGrow: MayGrow) {
    this.#known = known;
    this.#mayGrow = mayGrow;
  }

  add(path: string, stats: BigIntStats): void {
    if (this.#files === undefined && this.#known?.isSame(this.#same, path, stats, this.#mayGrow) === true) {
      this.#same += 1;
      return;
    }
    this.#files ??= this.#own();
    this.#files.add(path, this.#grownFrom(path, stats) ?? stats, permissionsOf(stats));
  }

  #grownFrom(path: string, stats: BigIntStats): Identity | undefined {
    if (this.#known === undefined || !this.#mayGrow(path)) return undefined;
    this.#place = this.#known.placeOf(path, this.#place);
    return this.#known.isSame(this.#place, path, stats, this.#mayGrow) ? this.#known.identity(this.#place) : undefined;
  }

  finish(): SourceFiles {
    if (this.#files === undefined && this.#known?.length === this.#same) return this.#known;
    return this.#files ?? this.#own();
  }

  #own(): SourceFiles {
    return this.#known === undefined ? new SourceFiles() : SourceFiles.first(this.#known, this.#same);
  }
}

/**
 * Lists what is to be archived. Every directory is opened without following links, and looked at through its own descriptor, so nothing
 * outside the source is ever seen, whoever renames what meanwhile. (§5.3, D5-02, D5-03, D5-12)
 *
 * @param known files as they were before: if they are the same, this very list is that of the tree, for there may be millions of them
 * @param mayGrow files that are as they were before although there is more of them
 * @throws Failure `source-missing`, `name-not-utf8`, `name-unusable`
 */
export async function scanSource(
  root: string,
  excluded: Exclusion,
  signal?: AbortSignal,
  known?: SourceFiles,
  mayGrow = never,
): Promise<SourceTree> {
  const files = new FilesList(known, mayGrow);
  const directories = new SourceDirectories();
  const links: SourceLink[] = [];
  const skipped: string[] = [];
  await walkSource(root, excluded, signal, {
    file: (path, stats) => files.add(path, stats),
    directory: (path, mode) => directories.add(path, mode),
    link: (path, target) => links.push({ path, target }),
    skipped: (line) => skipped.push(line),
  });
  return { files: files.finish(), links: safeLinks(links, skipped), directories, skipped };
}

/** Whether the source is what it was, without keeping another list of it in memory. @throws as `scanSource` */
export async function isUnchanged(
  tree: SourceTree,
  root: string,
  excluded: Exclusion,
  signal?: AbortSignal,
  mayGrow = never,
): Promise<boolean> {
  const links: SourceLink[] = [];
  let same = true;
  let files = 0;
  let directories = 0;
  await walkSource(root, excluded, signal, {
    file: (path, stats) => {
      same &&= tree.files.isSame(files, path, stats, mayGrow);
      files += 1;
    },
    directory: (path, mode) => {
      same &&= tree.directories.isSame(directories, path, mode);
      directories += 1;
    },
    link: (path, target) => links.push({ path, target }),
    skipped: () => undefined,
  });
  if (!same || files !== tree.files.length || directories !== tree.directories.length) return false;
  return JSON.stringify(safeLinks(links, [])) === JSON.stringify(tree.links);
}

async function walkSource(
  root: string,
  excluded: Exclusion,
  signal: AbortSignal | undefined,
  visitor: Visitor,
): Promise<void> {
  let seen = 0;

  async function walk(directory: number, prefix: string): Promise<void> {
    const here = `/proc/self/fd/${directory}`;
    for (const name of namesIn(here)) {
      if (++seen % BREATH === 0) {
        await setImmediate();
        if (signal?.aborted) throw cancelled();
      }
      const isDirectory = name.endsWith("/");
      const isSpecial = name.endsWith(SPECIAL);
      const raw = Buffer.from(isDirectory || isSpecial ? name.slice(0, -1) : name, "latin1");
      const path = prefix + raw.toString("utf8");
      if (prefix === "" && OWN.has(path)) continue;
      if (isSpecial) {
        if (!excluded(path)) visitor.skipped(`${path}: neither a file nor a directory nor a link`);
        continue;
      }
      checkName(raw, path);
      if (excluded(path)) continue;
      const inside = `${here}/${raw.toString("utf8")}`;
      const stats = statsOf(inside);
      // Gone, or something else took its place.
      if (stats === undefined || stats.isDirectory() !== isDirectory) continue;
      if (stats.isFile()) visitor.file(path, stats);
      else if (stats.isSymbolicLink()) takeLink(path, inside);
      else if (isDirectory) {
        const opened = openDirectory(inside);
        if (opened === undefined) continue;
        visitor.directory(path, permissionsOf(stats));
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
    if (fault === undefined) visitor.link(path, target);
    else visitor.skipped(`${path}: the link ${fault}: ${target}`);
  }

  const top = openRoot(root);
  try {
    await walk(top, "");
  } finally {
    closeSync(top);
  }
}

/**
 * What is in a directory, so that whoever descends at once comes by all paths in the order of their bytes: a directory is behind its neighbours
 * whose names go on with less than the `/` that it ends with here; what is neither that nor a file nor a link ends with `SPECIAL`. One character per
 * byte of a name.
 */
function namesIn(directory: string): readonly string[] {
  const names: string[] = [];
  const reader = opendirSync(directory, { encoding: "buffer" as BufferEncoding, bufferSize: BREATH });
  try {
    for (let entry = reader.readSync(); entry !== null; entry = reader.readSync()) {
      const name = (entry.name as unknown as Buffer).toString("latin1");
      if (entry.isDirectory()) names.push(`${name}/`);
      else names.push(entry.isFile() || entry.isSymbolicLink() ? name : name + SPECIAL);
    }
  } finally {
    reader.closeSync();
  }
  return names.sort();
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

const permissionsOf = ({ mode }: BigIntStats): number => Number(mode & 0o777n);

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

export const sameTree = (a: SourceTree, b: SourceTree): boolean =>
  sameFiles(a.files, b.files) &&
  JSON.stringify([a.links, ...a.directories]) === JSON.stringify([b.links, ...b.directories]);
