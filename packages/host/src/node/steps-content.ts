import { lstat, mkdir, readlink, rename, rm, symlink } from "node:fs/promises";
import { join, relative } from "node:path";
import { isOperationError } from "@blockvisor/image/container";
import { syncDirectory } from "../durable/index.ts";
import { reportOf } from "../errors/host-error.ts";
import type { ImageProgress, UnpackedImage } from "../images/index.ts";
import type { NodeHost } from "./node-host.ts";
import type { ExecutorTable, StepContext } from "./outcome.ts";

/** Steps about what a node has as long as it exists: directory, root file system, plugin. */
export const contentSteps = {
  prepare_directory: async ({ paths }) => {
    await mkdir(paths.data, { recursive: true, mode: 0o755 });
    await mkdir(paths.run, { recursive: true, mode: 0o700 });
    await link(relative(join(paths.link, ".."), paths.directory), paths.link);
    return { seen: { directory: true } };
  },

  pull_image: async ({ host }, { uri }, context) => {
    const { digest } = await host.images.ensure(uri, pullOptions(context));
    const image = { ...context.state.image, digest, rootfs: hexOf(digest) };
    return { state: { image } };
  },

  mount_rootfs: async ({ host, paths }, { rootfs, digest, uri }, context) => {
    const known = (await host.rootfs.list(paths.directory)).some(({ version }) => version === rootfs);
    if (!known) await host.rootfs.prepare(paths.directory, rootfs, await imageOf(host, digest, uri, context));
    await host.rootfs.mount(paths.directory, rootfs);
    return { seen: { rootfs } };
  },

  unmount_rootfs: async ({ host, paths }) => {
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
    await host.runtime.delete(state.id);
    await host.network.tearDown(state.id);
    await host.firewall.remove(state.id);
    for (const { version } of await host.rootfs.list(paths.directory))
      await host.rootfs.remove(paths.directory, version);
    host.cpus.release(state.id);
    await rm(paths.link, { force: true });
    await mkdir(host.paths.trash, { recursive: true, mode: 0o700 });
    const trash = join(host.paths.trash, `${state.id}-${Date.now()}`);
    await rename(paths.directory, trash);
    await syncDirectory(host.paths.nodes);
    return { gone: true };
  },
} satisfies Partial<ExecutorTable>;

/** An image may have been collected since it was pulled; the digest makes sure it is the same one again. */
async function imageOf(host: NodeHost, digest: string, uri: string, context: StepContext): Promise<UnpackedImage> {
  return host.images.get(digest).catch((error: unknown) => {
    if (!isOperationError(error, "image-unknown")) throw error;
    return host.images.ensure(uri, { ...pullOptions(context), digest });
  });
}

export function pullOptions({ signal, progress }: StepContext) {
  return { signal, onProgress: (event: ImageProgress) => progress(event.step === "fetch" ? event.line : event.step) };
}

/** Root file systems are named after the image they stand on. */
export function hexOf(digest: string): string {
  return digest.replace(/^sha256:/, "");
}

async function link(target: string, path: string): Promise<void> {
  if ((await readlink(path).catch(() => undefined)) === target) return;
  const stat = await lstat(path).catch(() => undefined);
  if (stat?.isDirectory()) return; // not ours: leave it, the node works without the link
  await rm(path, { force: true });
  await symlink(target, path);
}
