import { fchmodSync, symlinkSync, unlinkSync } from "node:fs";
import { isMissing } from "../../errno.ts";
import type { FilesEntry } from "../format/files-object.ts";
import { Links } from "../format/links.ts";
import { refuse } from "../format/refusal.ts";
import { TransferFault } from "../transfer/fault.ts";
import type { Download } from "./download.ts";
import { filesEntries } from "./files-object-reader.ts";
import { paced } from "./paced.ts";
import { Tree } from "./tree.ts";

/** To go through so many takes long enough for the disk to take what was written meanwhile: then the last flush has little to do. */
const MANY_FILES = 1000;

/**
 * All chunks are written: restores what chunks cannot say, checks that every file is there in its exact length, gives all of them one time (some
 * databases compare the times of their files), makes everything durable, and only then records that the download is complete. (D4-22, D4-23)
 *
 * @throws TransferFault; the chunks of files that are not what they should be are open again then
 */
export async function finalize(download: Download, signal: AbortSignal): Promise<void> {
  if (download.recorded) return;
  const { files } = download.manifest;
  const flushed = files.count < MANY_FILES ? undefined : download.commit();
  flushed?.catch(() => undefined);
  const { destination, owner, log } = download.options;
  const tree = new Tree(destination, owner);
  try {
    const links = new Links();
    for await (const entry of filesEntries(download, signal)) {
      if (entry.kind === "folder") restoreFolder(tree, entry);
      else if (entry.kind === "file" && entry.mode !== 0o644) restoreMode(tree, entry);
      else if (entry.kind === "link") links.add(entry.path, entry.target);
    }
    for await (const [path] of paced(links)) checkLink(download, links, path);
    await settleFiles(download, tree);
    for (const [path, target] of links) restoreLink(tree, path, target);
  } finally {
    tree.close();
  }
  await flushed;
  await download.recordComplete();
  log(`data version ${download.plan.dataVersion} of ${download.plan.archive} is complete`);
}

async function settleFiles(download: Download, tree: Tree): Promise<void> {
  const wrong = new Set<string>();
  let time = Date.now();
  let latest = time;
  do {
    time = Math.ceil(latest);
    const date = new Date(time);
    for await (const { path, size } of paced(download.manifest.eachFile())) {
      const stats = tree.stats(path);
      if (stats?.isFile() !== true || stats.size !== size) wrong.add(path);
      else {
        latest = Math.max(latest, stats.mtimeMs);
        if (download.changed) tree.setTime(path, date);
      }
    }
    // A clock that went back: once more.
  } while (download.changed && latest > time);
  if (wrong.size > 0) {
    const lost: number[] = [];
    for (const { index, destinations } of download.manifest.chunks()) {
      if (destinations.some(({ path }) => wrong.has(path))) lost.push(index);
    }
    await download.lose(lost);
    const [first] = wrong;
    throw new TransferFault(
      "transient",
      `${wrong.size} files were changed or removed while they were downloaded, among them '${first}'; their chunks are fetched again`,
    );
  }
}

function restoreFolder(tree: Tree, { path, mode }: Extract<FilesEntry, { kind: "folder" }>): void {
  fchmodSync(tree.folder(path), mode);
}

function restoreMode(tree: Tree, { path, mode }: Extract<FilesEntry, { kind: "file" }>): void {
  tree.visit(path, (fd) => fchmodSync(fd, mode));
}

/** @throws InvalidManifest */
function checkLink(download: Download, links: Links, path: string): void {
  if (download.manifest.files.has(path)) refuse(`'${path}' is a file and a link`);
  const fault = links.fault(path);
  if (fault !== undefined) refuse(`link '${path}' ${fault}`);
}

function restoreLink(tree: Tree, path: string, target: string): void {
  const entry = tree.entry(path, true);
  try {
    unlinkSync(entry);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  symlinkSync(target, entry);
}
