import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm, utimes } from "node:fs/promises";
import { join } from "node:path";
import {
  blobsLock,
  type FetchedImage,
  type FetchOptions,
  fetchToLayout,
  OperationError,
  parseContainerUri,
  prepareStore,
  resolveDigest,
  runTool,
  withFileLock,
} from "@blockvisor/image/container";
import { z } from "zod";
import { failpoint, readVersioned, syncDirectory, writeDurable } from "../durable/index.ts";
import { detectStorage } from "../rootfs/rootfs-storage.ts";
import { collectImageGarbage } from "./collect-garbage.ts";
import { treeBytes } from "./image-size.ts";
import type { ImageOptions, ImageStore, UnpackedImage } from "./image-store.ts";
import { layerFolder } from "./layer-folder.ts";
import { ensureLayers } from "./layer-store.ts";
import { copyPluginPart } from "./plugin-part.ts";
import { registryLogin } from "./registry-login.ts";
import { requireAllowedSource, type SourcePolicy } from "./source-policy.ts";
import { MAX_STACKED, nameLayers } from "./stacked-layers.ts";
import { unpackFlat } from "./unpack-layers.ts";

interface ImageStoreOptions {
  /** `<root>/var/lib/blockvisor/images`; created where missing. */
  readonly directory: string;
  /** Where registry credentials may be. */
  readonly authFile?: string;
  readonly dockerHost?: string;
  /** Asked each time: it may change. Default: images from anywhere. */
  readonly policy?: () => SourcePolicy;
}

/** `image.json`; without `layers` all of it is in one tree, as earlier versions had it. */
const record = {
  version: 2,
  schema: z.object({
    digest: z.string(),
    layers: z.array(z.string()).optional(),
    config: z.object({
      env: z.record(z.string(), z.string()),
      entrypoint: z.array(z.string()),
      command: z.array(z.string()),
      workingDirectory: z.string(),
      user: z.string(),
      labels: z.record(z.string(), z.string()),
      architecture: z.string(),
    }),
  }),
} as const;

/**
 * The store's folder is that of `fetchToLayout` plus `layers/` of `layer-store.ts` and
 *
 *     rootfs/HEX/layers/N       links to its layers, 0 is the lowest
 *     rootfs/HEX/rootfs/        of several layers: what they have of the plugin; where layers cannot be stacked, and of earlier versions: the whole tree
 *     rootfs/HEX/image.json     written last: its presence says that all is complete and on disk; its mtime is the last use
 */
export function createImageStore(options: ImageStoreOptions): ImageStore {
  const { directory } = options;
  let stacking: Promise<boolean> | undefined;

  /** Found out by trying, once. */
  function canStack(): Promise<boolean> {
    stacking ??= detectStorage(join(directory, "tmp")).then((storage) => storage === "overlay");
    return stacking;
  }

  async function fetchOptions(call: ImageOptions): Promise<FetchOptions> {
    // Looked for each time: a login needs no restart.
    const authFile = options.authFile && (await registryLogin(options.authFile));
    const signaturePolicy = options.policy?.().signaturePolicy;
    return {
      ...(signaturePolicy ? { signaturePolicy } : {}),
      ...(authFile ? { authFile } : {}),
      ...(options.dockerHost ? { dockerHost: options.dockerHost } : {}),
      ...(call.signal ? { signal: call.signal } : {}),
      ...(call.onProgress ? { onProgress: (line) => call.onProgress?.({ step: "fetch", line }) } : {}),
    };
  }

  function allowedSource(uri: string, digest: string | undefined): ReturnType<typeof absoluteUri> {
    const source = absoluteUri(uri);
    if (options.policy) requireAllowedSource(source, options.policy(), digest);
    return source;
  }

  async function find(digest: string): Promise<UnpackedImage | undefined> {
    const folder = imageFolder(directory, digest);
    const known = await readVersioned(join(folder, "image.json"), record);
    if (known === undefined) return undefined;
    const whole = join(folder, "rootfs");
    const layers = known.layers?.map((_, index) => join(folder, "layers", String(index))) ?? [whole];
    const [only = whole, ...others] = layers;
    return { digest, layers, pluginRoot: others.length === 0 ? only : whole, config: known.config };
  }

  /** Found again under the lock that garbage collection needs exclusively, and marked as used: it stays for now. */
  async function use(digest: string): Promise<UnpackedImage | undefined> {
    const image = await find(digest);
    const now = new Date();
    if (image) await utimes(join(imageFolder(directory, digest), "image.json"), now, now);
    return image;
  }

  async function publish(fetched: FetchedImage, call: ImageOptions): Promise<void> {
    const { digest, config, diffIds } = fetched;
    const count = diffIds.length;
    const onLayer = (index: number): void =>
      call.onProgress?.({ step: "unpack", line: count === 1 ? "unpack" : `unpack layer ${index + 1} of ${count}` });
    const stacked = count > 0 && (count === 1 || (count <= MAX_STACKED && (await canStack())));
    const signal = call.signal ? { signal: call.signal } : {};
    const layers = stacked ? await ensureLayers(directory, fetched, { ...signal, onLayer }) : undefined;
    const temporary = join(directory, "tmp", `unpack-${randomBytes(6).toString("hex")}`);
    await mkdir(temporary, { mode: 0o700 });
    try {
      if (layers === undefined) await unpackWhole(fetched, temporary, call);
      else await linkLayers(layers, temporary);
      failpoint("image.unpacked");
      await runTool("sync", ["--file-system", temporary], { timeoutMs: 600_000 });
      const bytes = await treeBytes(temporary);
      const document = { schema_version: record.version, digest, config, ...(layers ? { layers } : {}), bytes };
      await writeDurable(join(temporary, "image.json"), JSON.stringify(document));
      failpoint("image.recorded");
      await mkdir(join(directory, "rootfs"), { recursive: true, mode: 0o700 });
      await rename(temporary, imageFolder(directory, digest));
      await syncDirectory(join(directory, "rootfs"));
    } finally {
      await runTool("rm", ["-rf", "--", temporary], { timeoutMs: 600_000 });
    }
  }

  async function unpackWhole(fetched: FetchedImage, folder: string, call: ImageOptions): Promise<void> {
    call.onProgress?.({ step: "unpack", line: "unpack" });
    await unpackFlat(fetched, folder, call.signal);
    await rename(join(folder, "diff"), join(folder, "rootfs"));
  }

  async function linkLayers(chains: readonly string[], folder: string): Promise<void> {
    const trees = chains.map((chain) => join(layerFolder(directory, chain), "diff"));
    await nameLayers(join(folder, "layers"), trees);
    if (trees.length === 1) return;
    const work = join(folder, "work");
    await mkdir(work, { mode: 0o700 });
    await copyPluginPart(work, trees);
    await rename(join(work, "part"), join(folder, "rootfs"));
    await rm(work, { recursive: true });
  }

  return {
    async resolve(uri, call = {}) {
      const source = allowedSource(uri, undefined);
      call.onProgress?.({ step: "resolve" });
      return resolveDigest(source, await fetchOptions(call));
    },

    async ensure(uri, call = {}) {
      const source = allowedSource(uri, call.digest);
      const digest = call.digest ?? (await this.resolve(uri, call));
      await prepareStore(directory);
      const lockOptions = call.signal ? { signal: call.signal } : {};
      const image = await withFileLock(
        blobsLock(directory),
        async () => {
          const ready = await use(digest);
          if (ready) return ready;
          const fetched = await fetchToLayout(source, directory, { ...(await fetchOptions(call)), digest });
          const unpackOnce = async () => (await use(digest)) ?? (await publish(fetched, call));
          await withFileLock(join(directory, "locks", `${hex(digest)}.unpack`), unpackOnce, lockOptions);
          return this.get(digest);
        },
        { mode: "shared", ...lockOptions },
      );
      call.onProgress?.({ step: "ready" });
      return image;
    },

    async get(digest) {
      const image = await find(digest);
      if (image) return image;
      throw new OperationError("image-unknown", `the image ${digest} is not on this host`, {
        fix: "fetch it again: upgrade or create the node with its container_uri",
      });
    },

    async list() {
      const names = await readdir(join(directory, "rootfs")).catch(() => []);
      const found = await Promise.all(names.sort().map((name) => find(`sha256:${name}`)));
      return found.filter((image) => image !== undefined);
    },

    collectGarbage: (call) => collectImageGarbage(directory, call),
  };
}

function imageFolder(directory: string, digest: string): string {
  return join(directory, "rootfs", hex(digest));
}

function hex(digest: string): string {
  if (/^sha256:[0-9a-f]{64}$/.test(digest)) return digest.slice("sha256:".length);
  throw new OperationError("image-unknown", `'${digest}' is no image digest`);
}

function absoluteUri(text: string): ReturnType<typeof parseContainerUri> {
  const uri = parseContainerUri(text);
  if (!("path" in uri) || uri.path.startsWith("/")) return uri;
  throw new OperationError("container-uri-relative", `container_uri: the path in '${text}' is relative`, {
    fix: "give an absolute path; tools resolve it against the folder of babel.yaml",
  });
}
