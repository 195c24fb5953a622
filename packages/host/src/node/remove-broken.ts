import { rm } from "node:fs/promises";
import { removeDurable } from "../durable/index.ts";
import { type HostPaths, nodePaths } from "../place/paths.ts";
import type { NodeHost } from "./node-host.ts";
import { removeCheck } from "./smoke-check.ts";

/** Takes down whatever runs of a node that only its directory tells about, and moves the directory to the trash. */
export async function removeBroken(host: NodeHost, id: string): Promise<void> {
  const { directory, link } = nodePaths(host.paths, id);
  await removeCheck(host, id);
  await host.runtime.delete(id);
  await host.network.tearDown(id, { bridge: host.config.interface });
  await host.firewall.remove(id);
  await host.rootfs.unmount(directory);
  for (const { version } of await host.rootfs.list(directory)) await host.rootfs.remove(directory, version);
  await host.spaces.close(directory);
  await removeDurable(link).catch(() => {});
  await host.trash.take(id);
}

/** A directory whose creation was cut before it held anything. */
export async function removeEmpty(paths: HostPaths, id: string): Promise<void> {
  await rm(nodePaths(paths, id).directory, { recursive: true, force: true });
}
