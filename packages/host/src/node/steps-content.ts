import { lstat, mkdir, readlink, rm, symlink } from "node:fs/promises";
import { join, relative } from "node:path";
import { reportOf } from "../errors/host-error.ts";
import { eventsPathOfDeleted, keepLogs, keepSummary } from "../history/kept-history.ts";
import { lostData, requireData } from "./data-place.ts";
import { isDirectory } from "./node-data.ts";
import type { NodeParts } from "./node-host.ts";
import { hexOf, imageOf, pullOptions } from "./node-image.ts";
import type { ExecutorTable } from "./outcome.ts";
import { mountRootfs } from "./own-ids.ts";
import { wantsPrivileges } from "./privileged.ts";
import { removeCheck } from "./smoke-check.ts";

/** Steps about what a node has as long as it exists: directory, root file system, plugin. */
export const contentSteps = {
  prepare_directory: async ({ paths, host }, _, { state }) => {
    const { space } = state;
    const gb = state.vm_config.disk_size_gb;
    const release = (): Promise<void> => host.rootfs.unmount(paths.directory);
    await host.spaces.prepare(paths.directory, space.kind, { gb, before: space.gb, isNew: !state.created, release });
    const data = await requireData(paths, state);
    if (state.data_directory === null) await mkdir(data, { recursive: true, mode: 0o755 });
    else if (!(await isDirectory(data))) throw lostData(data);
    await mkdir(paths.run, { recursive: true, mode: 0o700 });
    await link(relative(join(paths.link, ".."), paths.directory), paths.link);
    if (space.kind === "shared") return { seen: { directory: true } };
    const rootfs = await host.rootfs.mounted(paths.directory);
    return { seen: { directory: true, rootfs }, state: { space: { ...space, gb } } };
  },

  pull_image: async ({ host }, { uri }, context) => {
    const { digest, config } = await host.images.ensure(uri, pullOptions(context));
    const privileged = wantsPrivileges(host.config, uri, config);
    const image = { ...context.state.image, digest, rootfs: hexOf(digest), privileged };
    return { state: { image } };
  },

  mount_rootfs: async (node, { rootfs, digest, uri }, context) => {
    const { host, paths } = node;
    const known = (await host.rootfs.list(paths.directory)).some(({ version }) => version === rootfs);
    const { space } = context.state;
    await host.spaces.giveRoom(paths.directory, space);
    if (!known) await host.rootfs.prepare(paths.directory, rootfs, await imageOf(host, digest, uri, context));
    await mountRootfs(node, context.state, rootfs);
    await host.spaces.keepRoom(paths.directory, space);
    // What `init` left in a root file system went with it.
    return { seen: { rootfs }, ...(known ? {} : { state: { initialized: false } }) };
  },

  unmount_rootfs: async (node, _, { state }) => {
    const { host, paths } = node;
    if (state.expected_status === "Deleted")
      await attempt(node, "logs were not kept", () => keepLogs(host.paths, paths));
    await host.rootfs.unmount(paths.directory);
    return { seen: { rootfs: undefined } };
  },

  load_plugin: async (node, { rootfs }, { state }) => {
    if (node.pluginOf !== rootfs) node.plugin.unload();
    node.pluginOf = rootfs;
    try {
      await node.plugin.load();
    } catch (error) {
      // A plugin that does not load must not make an existing node unmanageable (spec plugin-api §1 "Do better").
      if (!state.created || state.upgrade?.stage === "apply") {
        node.pluginOf = undefined;
        throw error;
      }
      node.log.warn({ code: reportOf(error).code }, `plugin does not load: ${reportOf(error).message}`);
    }
    return { seen: { plugin: rootfs } };
  },

  finish_create: async () => ({ state: { created: true } }),

  discard: async (node, _, { state }) => {
    const { host, paths } = node;
    node.tasks.disarm();
    // It was told, and lets go of the data in a while.
    await node.holder?.gone.promise;
    await removeCheck(host, state.id);
    await host.runtime.delete(state.id);
    await host.network.tearDown(state.id, { bridge: host.config.interface });
    await host.firewall.remove(state.id);
    for (const { version } of await host.rootfs.list(paths.directory))
      await host.rootfs.remove(paths.directory, version);
    await host.spaces.close(paths.directory);
    await node.events.moveTo(eventsPathOfDeleted(host.paths, state.id), () => keepSummary(host.paths, paths, state));
    await rm(paths.link, { force: true });
    await host.trash.take(state.id);
    return { gone: true };
  },
} satisfies Partial<ExecutorTable>;

/** What is nice to have must not keep a node from being deleted, least of all on a full disk. */
async function attempt(node: NodeParts, failure: string, work: () => Promise<void>): Promise<void> {
  await work().catch((error: unknown) => node.log.warn(`${failure}: ${(error as Error).message}`));
}

async function link(target: string, path: string): Promise<void> {
  if ((await readlink(path).catch(() => undefined)) === target) return;
  const stat = await lstat(path).catch(() => undefined);
  if (stat?.isDirectory()) return; // not ours: leave it, the node works without the link
  await rm(path, { force: true });
  await symlink(target, path);
}
