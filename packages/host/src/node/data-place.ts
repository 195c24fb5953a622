import { lstat, mkdir, readdir, realpath, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncDirectory } from "../durable/index.ts";
import { HostError } from "../errors/host-error.ts";
import { notOurs, requireOwnPlace } from "../place/own-place.ts";
import type { NodePaths } from "../place/paths.ts";
import { isDirectory, leadsTo, type removeTree, showAs } from "./node-data.ts";
import type { NodeState } from "./node-state.ts";

/**
 * In a directory that a person chose: what root of a container makes set-uid is so on the machine, too, so nobody but root gets to the data,
 * whoever may enter the directory.
 */
const closedFolder = "blockvisor-data";
const volume = new RegExp(`/${closedFolder}/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/`);

/** Where a node's data lie in a directory that a person chose. */
export function dataBelow(directory: string, nodeId: string): string {
  return join(directory, closedFolder, nodeId);
}

/** Where an earlier version put them, for all who may enter the directory. */
const openBelow = (directory: string, nodeId: string): string => join(directory, nodeId);

/** Where a node's data lie that nobody moved; elsewhere, there is a link at that place. */
export function homeOf(paths: NodePaths, { space }: NodeState): string {
  return space.kind === "shared" ? paths.data : join(paths.space, "data");
}

/** Where a node's data really lie, to tell of it; what works on them asks `requireData`. */
export function dataOf(paths: NodePaths, state: NodeState): string {
  return state.data_directory === null ? homeOf(paths, state) : dataBelow(state.data_directory, state.id);
}

/**
 * Where a node's data really lie, for who works on them as root: looked at each time, as the place was chosen by somebody who need not be
 * root. Data of an earlier version are brought behind the closed folder first. Errors: `invalid`; `failed` when the directory is not there.
 */
export async function requireData(paths: NodePaths, state: NodeState): Promise<string> {
  const home = homeOf(paths, state);
  return state.data_directory === null ? home : requirePlace(state.data_directory, paths, home);
}

/** As `requireData`, of a directory that data are on their way to. */
export async function requirePlace(directory: string, paths: NodePaths, home: string): Promise<string> {
  const { id: nodeId } = paths;
  const place = dataBelow(directory, nodeId);
  if (!(await isThere(directory))) throw lostData(place);
  await requireOutsideNodes(directory, paths);
  const open = openBelow(directory, nodeId);
  if (!(await isDirectory(place)) && (await isDirectory(open))) {
    await makeClosed(directory);
    // First the link, as what is there says that all is done.
    if (await leadsTo(home, open)) await showAs(home, place, "link");
    await rename(open, place);
    for (const folder of [dirname(place), directory]) await syncDirectory(folder);
  }
  await requireClosed(directory);
  return place;
}

/** Makes the folder that data go to. */
export async function makeClosed(directory: string): Promise<void> {
  await mkdir(join(directory, closedFolder), { recursive: true, mode: 0o700 });
  await requireClosed(directory);
}

/** Removes data, or what was begun of them, if their disk is there. Error `invalid`. */
export async function removeBelow(directory: string, nodeId: string, remove: typeof removeTree): Promise<void> {
  for (const path of [dataBelow(directory, nodeId), openBelow(directory, nodeId)]) await removeData(path, remove);
}

/** The same for data that are known by their path only. */
export async function removeData(path: string, remove: typeof removeTree): Promise<void> {
  if (!(await isThere(dirname(path)))) return;
  await requireOwnPlace(dirname(path));
  for (const each of [path, `${path}.partial`]) await remove(each);
}

/** Errors `invalid`, `conflict`: a place that data cannot be moved to. */
export async function checkPlace(directory: string, paths: NodePaths): Promise<void> {
  if (!directory.startsWith("/") || directory.split("/").includes("..")) {
    throw new HostError("invalid", `'${directory}' is no absolute path`, { hint: "write it like /mnt/disk2" });
  }
  if (!(await isDirectory(directory))) {
    throw new HostError("invalid", `${directory} is not a directory`, { hint: `make it first: mkdir -p ${directory}` });
  }
  await requireOutsideNodes(directory, paths);
  await requireClosed(directory);
  for (const place of [dataBelow(directory, paths.id), openBelow(directory, paths.id)]) {
    if ((await readdir(place).catch(() => undefined)) === undefined) continue;
    throw new HostError("conflict", `${place} exists`, {
      hint: "it may hold other data: move it away, or choose another directory",
    });
  }
}

export function lostData(data: string): HostError {
  return new HostError("failed", `the node's data are not there: ${data}`, {
    hint: "mount the disk they are on; the node is tried again by itself",
  });
}

/** As `requireOwnPlace`; what root of a container writes belongs to root of the machine, too. */
async function requireOutsideNodes(directory: string, { directory: ofNode }: NodePaths): Promise<void> {
  const place = await requireOwnPlace(directory);
  const nodes = await realpath(dirname(ofNode));
  if (`${place}/`.startsWith(`${nodes}/`) || volume.test(`${place}/`)) throw notOurs(directory, "belongs to nodes");
}

/** The folder, if there is one. */
async function requireClosed(directory: string): Promise<void> {
  const folder = join(directory, closedFolder);
  const found = await lstat(folder).catch(() => undefined);
  if (found === undefined) return;
  if (found.isDirectory() && found.uid === 0 && (found.mode & 0o077) === 0) return;
  throw new HostError("invalid", `${folder} is not a folder that only root may enter`, {
    hint: `move it away, or: chown root ${folder} && chmod 700 ${folder}`,
  });
}

async function isThere(path: string): Promise<boolean> {
  return realpath(path).then(
    () => true,
    () => false,
  );
}
