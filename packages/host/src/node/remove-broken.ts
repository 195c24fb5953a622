import { mkdir, readdir, readFile, readlink, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { removeDurable } from "../durable/index.ts";
import { type HostPaths, nodePaths } from "../place/paths.ts";
import { dataBelow, removeTree } from "./node-data.ts";
import type { NodeHost } from "./node-host.ts";
import { removeCheck } from "./smoke-check.ts";

/** Takes down whatever runs of a node that only its directory tells about, and moves the directory to the trash. */
export async function removeBroken(host: NodeHost, id: string): Promise<void> {
  const { directory, link } = nodePaths(host.paths, id);
  await removeCheck(host, id);
  await host.runtime.delete(id);
  await host.network.tearDown(id);
  await host.firewall.remove(id);
  await host.rootfs.unmount(directory);
  for (const { version } of await host.rootfs.list(directory)) await host.rootfs.remove(directory, version);
  await removeDurable(link).catch(() => {});
  await mkdir(host.paths.trash, { recursive: true, mode: 0o700 });
  await rename(directory, join(host.paths.trash, `${id}-${Date.now()}`));
}

/** A directory whose creation was cut before it held anything. */
export async function removeEmpty(paths: HostPaths, id: string): Promise<void> {
  await rm(nodePaths(paths, id).directory, { recursive: true, force: true });
}

/** Empties the trash. Slow with a lot of data; nothing waits for it, and what is left is taken by the next start of the daemon. */
export async function purgeTrash(paths: HostPaths): Promise<void> {
  for (const name of await readdir(paths.trash).catch(() => [])) {
    const trash = join(paths.trash, name);
    for (const path of await dataElsewhere(trash)) await removeTree(path);
    await rm(trash, { recursive: true, force: true });
  }
}

const place = z.string().nullish();
const placesSchema = z.object({
  id: z.uuid(),
  data_directory: place,
  move: z.object({ data_directory: place }).nullish(),
});

/** Data of a deleted node that lie in a directory a person chose, also where they were on their way to. */
async function dataElsewhere(trash: string): Promise<readonly string[]> {
  const text = await readFile(join(trash, "state.json"), "utf8").catch(() => "{}");
  const state = placesSchema.safeParse(parsed(text)).data;
  if (state === undefined) {
    // The state is not readable, but the link is ours: its last part is the node's id.
    const link = await readlink(join(trash, "data")).catch(() => undefined);
    return link !== undefined && trash.includes(`/${link.split("/").at(-1)}-`) ? [link] : [];
  }
  return [state.data_directory, state.move?.data_directory]
    .filter((directory) => typeof directory === "string")
    .map((directory) => dataBelow(directory, state.id))
    .flatMap((path) => [path, `${path}.partial`]);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
