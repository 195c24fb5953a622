import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, utimes } from "node:fs/promises";
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
import { collectImageGarbage } from "./collect-garbage.ts";
import { treeBytes } from "./image-size.ts";
import type { ImageOptions, ImageStore, UnpackedImage } from "./image-store.ts";
import { registryLogin } from "./registry-login.ts";
import { unpackLayers } from "./unpack-layers.ts";

interface ImageStoreOptions {
  /** `<root>/var/lib/blockvisor/images`; created where missing. */
  readonly directory: string;
  /** Where registry credentials may be. */
  readonly authFile?: string;
  readonly dockerHost?: string;
}

/** `image.json`. */
const record = {
  version: 1,
  schema: z.object({
    digest: z.string(),
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
 * The store's folder is that of `fetchToLayout` plus
 *
 *     rootfs/HEX/rootfs/        the unpacked tree
 *     rootfs/HEX/image.json     written last: its presence says the tree is complete and on disk; its mtime is the last use
 */
export function createImageStore(options: ImageStoreOptions): ImageStore {
  const { directory } = options;

  async function fetchOptions(call: ImageOptions): Promise<FetchOptions> {
    // Looked for each time: a login needs no restart.
    const authFile = options.authFile && (await registryLogin(options.authFile));
    return {
      ...(authFile ? { authFile } : {}),
      ...(options.dockerHost ? { dockerHost: options.dockerHost } : {}),
      ...(call.signal ? { signal: call.signal } : {}),
      ...(call.onProgress ? { onProgress: (line) => call.onProgress?.({ step: "fetch", line }) } : {}),
    };
  }

  async function find(digest: string): Promise<UnpackedImage | undefined> {
    const folder = imageFolder(directory, digest);
    const known = await readVersioned(join(folder, "image.json"), record);
    return known && { digest, rootfs: join(folder, "rootfs"), config: known.config };
  }

  /** Found again under the lock that garbage collection needs exclusively, and marked as used: it stays for now. */
  async function use(digest: string): Promise<UnpackedImage | undefined> {
    const image = await find(digest);
    const now = new Date();
    if (image) await utimes(join(imageFolder(directory, digest), "image.json"), now, now);
    return image;
  }

  async function publish(fetched: FetchedImage, signal: AbortSignal | undefined): Promise<void> {
    const temporary = join(directory, "tmp", `unpack-${randomBytes(6).toString("hex")}`);
    await mkdir(temporary, { mode: 0o700 });
    try {
      await unpackLayers(fetched, join(temporary, "rootfs"), signal);
      failpoint("image.unpacked");
      await runTool("sync", ["--file-system", temporary], { timeoutMs: 600_000 });
      const bytes = await treeBytes(join(temporary, "rootfs"));
      const document = { schema_version: record.version, digest: fetched.digest, config: fetched.config, bytes };
      await writeDurable(join(temporary, "image.json"), JSON.stringify(document));
      failpoint("image.recorded");
      await mkdir(join(directory, "rootfs"), { recursive: true, mode: 0o700 });
      await rename(temporary, imageFolder(directory, fetched.digest));
      await syncDirectory(join(directory, "rootfs"));
    } finally {
      await runTool("rm", ["-rf", "--", temporary], { timeoutMs: 600_000 });
    }
  }

  return {
    async resolve(uri, call = {}) {
      call.onProgress?.({ step: "resolve" });
      return resolveDigest(absoluteUri(uri), await fetchOptions(call));
    },

    async ensure(uri, call = {}) {
      const source = absoluteUri(uri);
      const digest = call.digest ?? (await this.resolve(uri, call));
      await prepareStore(directory);
      const lockOptions = call.signal ? { signal: call.signal } : {};
      const image = await withFileLock(
        blobsLock(directory),
        async () => {
          const ready = await use(digest);
          if (ready) return ready;
          const fetched = await fetchToLayout(source, directory, { ...(await fetchOptions(call)), digest });
          call.onProgress?.({ step: "unpack" });
          const unpackOnce = async () => (await use(digest)) ?? (await publish(fetched, call.signal));
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
