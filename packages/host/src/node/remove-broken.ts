import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { removeDurable } from "../durable/index.ts";
import { type HostPaths, nodePaths } from "../place/paths.ts";
import type { NodeHost } from "./node-host.ts";

/** Takes down whatever runs of a node that only its directory tells about, and moves the directory to the trash. */
export async function removeBroken(host: NodeHost, id: string): Promise<void> {
  const { directory, link } = nodePaths(host.paths, id);
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
    await rm(join(paths.trash, name), { recursive: true, force: true });
  }
}
