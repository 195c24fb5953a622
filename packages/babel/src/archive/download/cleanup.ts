import { createReadStream, existsSync, rmdirSync, unlinkSync } from "node:fs";
import { readdir, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { errnoOf, isMissing } from "../../errno.ts";
import { readBounded } from "../../files/durable.ts";
import { chunkFromJson } from "../format/manifest-json.ts";
import { pathFault } from "../format/path.ts";
import type { ArchiveCleanup } from "../task.ts";
import { paced } from "./paced.ts";
import { StateFolder } from "./state-folder.ts";
import { StoredManifest } from "./stored-manifest.ts";
import { Tree } from "./tree.ts";

/**
 * Drops what a download job keeps, of all its clients: state, and the files of downloads that are not complete, with the folders that are empty then.
 * Data that is complete stays; so does what other jobs keep. (D4-12)
 */
export async function cleanupDownload(cleanup: ArchiveCleanup): Promise<void> {
  const folder = join(cleanup.protocolData.folder, cleanup.name);
  await dropDownload(new StateFolder(folder));
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    if (!entry.isDirectory()) continue;
    const client = join(folder, entry.name);
    if (existsSync(join(client, "client.json")) || existsSync(join(client, "plan.json"))) {
      await dropDownload(new StateFolder(client));
    }
  }
  await dropReferenceFiles(cleanup.protocolData.folder);
  await rmdir(folder).catch(() => undefined);
}

/** Removes what a download that is not complete has begun to write, with the folders that are empty then. It can be cut off and repeated. */
export async function dropStartedFiles(state: StateFolder): Promise<void> {
  const plan = await state.plan();
  if (plan === undefined) return;
  const manifest = await StoredManifest.open(state.manifest, plan.header, plan.manifestDigest).catch(() => undefined);
  const { journal, complete, started } = await state.resume(plan.header.chunks);
  await journal.close();
  if (manifest !== undefined && !complete) {
    const chunks = [...started].map((index) => manifest.chunk(index));
    await removeFiles(plan.destination, pathsOf(chunks));
  }
  manifest?.close();
}

async function dropDownload(state: StateFolder): Promise<void> {
  await dropStartedFiles(state);
  await dropReferenceFiles(join(state.path, "from-reference"), dirname(dirname(state.path)));
  await state.remove();
  await rmdir(state.path).catch(() => undefined);
}

function* pathsOf(
  chunks: Iterable<{ readonly destinations: readonly { readonly path: string }[] }>,
): Generator<string> {
  for (const { destinations } of chunks) for (const { path } of destinations) yield path;
}

/** Files that a download of the reference began: `download.parts` names them. (§4.8) */
async function dropReferenceFiles(folder: string, mount = dirname(folder)): Promise<void> {
  const parts = join(folder, "download.parts");
  if (!existsSync(parts)) return;
  const chunks = await linesIn(parts);
  const all = await chunkCountIn(join(folder, "download.metadata"));
  const complete = new Set((await linesIn(join(folder, "download.chunks"))).map(({ index }) => index)).size;
  // A node that was downloaded by the reference may have lived on these files since.
  if (all === undefined || complete < all) await removeFiles(join(mount, "protocol_data"), pathsOf(chunks));
  for (const name of ["download.chunks", "download.metadata", "download.parts"])
    await rm(join(folder, name), { force: true });
}

/** How many chunks the archive has, or undefined if the file is not there, or torn. */
async function chunkCountIn(path: string): Promise<number | undefined> {
  const text = (await readBounded(path, 64 * 1024))?.toString("utf8");
  try {
    return (JSON.parse(text ?? "{}") as { chunks?: number }).chunks;
  } catch {
    return undefined;
  }
}

/** Chunks of a state file of the reference, as far as it can be read. */
async function linesIn(
  path: string,
): Promise<readonly { readonly index: number; readonly destinations: readonly { readonly path: string }[] }[]> {
  if (!existsSync(path)) return [];
  const chunks: ReturnType<typeof chunkFromJson>[] = [];
  for await (const line of createInterface({ input: createReadStream(path) })) {
    try {
      chunks.push(chunkFromJson(JSON.parse(line), chunks.length));
    } catch {
      return chunks;
    }
  }
  return chunks;
}

async function removeFiles(destination: string, paths: Iterable<string>): Promise<void> {
  if (!existsSync(destination)) return;
  const tree = new Tree(destination);
  const folders = new Set<string>();
  try {
    for await (const path of paced(paths)) {
      if (pathFault(path) !== undefined) continue;
      for (let cut = path.lastIndexOf("/"); cut !== -1; cut = path.lastIndexOf("/", cut - 1))
        folders.add(path.slice(0, cut));
      ignoringAbsence(() => unlinkSync(tree.entry(path, false)));
    }
    for (const path of [...folders].sort((a, b) => b.length - a.length)) {
      ignoringAbsence(() => rmdirSync(tree.entry(path, false)));
    }
  } finally {
    tree.close();
  }
}

/** What is not there, is a folder, or has something in it stays as it is; so does what lies behind a link. */
function ignoringAbsence(remove: () => void): void {
  try {
    remove();
  } catch (error) {
    if (isMissing(error) || ["EISDIR", "ENOTEMPTY", "ENOTDIR"].includes(errnoOf(error) ?? "")) return;
    if (error instanceof Error && error.name === "TransferFault") return;
    throw error;
  }
}
