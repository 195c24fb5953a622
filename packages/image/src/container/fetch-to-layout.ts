import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { access, mkdir, open, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { type ContainerUri, formatDaemonImage, unsupportedContainerUri } from "./container-uri.ts";
import { correctLayerTypes } from "./correct-layer-types.ts";
import { dockerHost } from "./docker-engine.ts";
import { withFileLock } from "./file-lock.ts";
import { formatImageReference, isLoopbackRegistry } from "./image-reference.ts";
import { fetchLargeLayers } from "./large-layers.ts";
import { type LayoutImage, readLayout } from "./oci-layout.ts";
import { OperationError } from "./operation-error.ts";
import { type FetchOptions, resolveDigest } from "./resolve-digest.ts";
import { runTool } from "./run-tool.ts";
import { skopeoError } from "./skopeo-error.ts";

/** A fetched image: `digest` is what `resolveDigest` said, and its key in the store. */
export interface FetchedImage extends LayoutImage {
  readonly digest: string;
}

const FETCH_TIMEOUT_MS = 6 * 3_600_000;

/**
 * Brings an image into the store folder, once per digest, and returns its layout. Layers are shared by all images of the store:
 *
 *     store/blobs/sha256/HEX      layers, configurations, manifests; each complete or absent
 *     store/layout/HEX/           one OCI layout per image digest, `blobs` → ../../blobs
 *     store/locks/  store/tmp/    locks per digest; what a killed fetch leaves is swept by `sweepLayouts`
 *
 * Callers in this and other processes that want the same digest wait for the one that fetches it. Layers are
 * fetched several at a time, and a cut fetch keeps those it has, of large ones also a part (`large-layers.ts`). Errors: those of `resolveDigest`, `image-unauthorized`, `image-platform`, `registry-unreachable`, `disk-full`,
 * `image-changed`, `image-rejected`, `image-fetch-failed`, `aborted`.
 */
export async function fetchToLayout(
  uri: ContainerUri,
  store: string,
  options: FetchOptions & { readonly digest?: string } = {},
): Promise<FetchedImage> {
  const digest = options.digest ?? (await resolveDigest(uri, options));
  const layout = layoutPath(store, digest);
  if (!existsSync(layout)) {
    await prepareStore(store);
    const signal = options.signal ? { signal: options.signal } : {};
    const fetchOnce = async () => {
      if (!existsSync(layout)) await fetchInto(uri, digest, store, layout, options);
    };
    const withBlobs = () => withFileLock(join(store, "locks", hexOf(digest)), fetchOnce, signal);
    await withFileLock(blobsLock(store), withBlobs, { mode: "shared", ...signal });
  }
  return { digest, ...(await readLayout(layout)) };
}

export function layoutPath(store: string, digest: string): string {
  return join(store, "layout", hexOf(digest));
}

/** Held shared while blobs are added, exclusively while unused ones are removed. */
export function blobsLock(store: string): string {
  return join(store, "locks", "blobs");
}

export async function prepareStore(store: string): Promise<void> {
  for (const folder of ["blobs/sha256", "layout", "locks", "tmp"]) {
    await mkdir(join(store, folder), { recursive: true, mode: 0o700 });
  }
}

async function fetchInto(
  uri: ContainerUri,
  digest: string,
  store: string,
  layout: string,
  options: FetchOptions,
): Promise<void> {
  const temporary = join(store, "tmp", `fetch-${hexOf(digest).slice(0, 12)}-${randomBytes(6).toString("hex")}`);
  await mkdir(temporary, { mode: 0o700 });
  try {
    await symlink("../../blobs", join(temporary, "blobs"));
    if (uri.kind === "docker" && options.signaturePolicy === undefined)
      await fetchLargeLayers(uri.image, digest, store, options);
    await skopeoCopy(uri, digest, temporary, store, options);
    if (!isImmutable(uri) && (await resolveDigest(uri, options)) !== digest) {
      throw new OperationError("image-changed", "the image changed while it was read", { fix: "try again" });
    }
    await correctLayerTypes(temporary);
    await readLayout(temporary);
    for (const name of ["index.json", "oci-layout", "."]) await sync(join(temporary, name));
    await sync(join(store, "blobs", "sha256"));
    await rename(temporary, layout);
    await sync(join(store, "layout"));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function skopeoCopy(
  uri: ContainerUri,
  digest: string,
  layout: string,
  store: string,
  options: FetchOptions,
): Promise<void> {
  const { source, args } = sourceOf(uri, digest, options);
  // Without a policy file (a bare machine) skopeo refuses to run; an administrator's policy is honoured.
  const ofMachine = (await exists("/etc/containers/policy.json")) ? [] : ["--insecure-policy"];
  const policy = options.signaturePolicy ? ["--policy", options.signaturePolicy] : ofMachine;
  // Signatures are verified, and have no place in a layout.
  const how = ["--remove-signatures", "--dest-oci-accept-uncompressed-layers"];
  const command = [...policy, "copy", ...how, ...args, source, `oci:${layout}:image`];
  try {
    await runTool("skopeo", command, {
      timeoutMs: FETCH_TIMEOUT_MS,
      env: { TMPDIR: join(store, "tmp") },
      ...(options.signal ? { signal: options.signal } : {}),
      ...(options.onProgress ? { onLine: progressOf(store, options.onProgress) } : {}),
    });
  } catch (error) {
    throw skopeoError(error, source);
  }
}

/** Of what skopeo says, the layers: those that an earlier fetch brought, of this image or another, are not fetched again. */
function progressOf(store: string, onProgress: (line: string) => void): (line: string) => void {
  return (line) => {
    const hex = /^Copying blob sha256:([0-9a-f]{64})/.exec(line)?.[1];
    if (hex === undefined) return;
    const isHere = existsSync(join(store, "blobs", "sha256", hex));
    onProgress(isHere ? `layer ${hex.slice(0, 12)} is here already` : `fetch layer ${hex.slice(0, 12)}`);
  };
}

/** The source is named by digest wherever the transport can, so that what is fetched is what was resolved. */
function sourceOf(
  uri: ContainerUri,
  digest: string,
  options: FetchOptions,
): { readonly source: string; readonly args: readonly string[] } {
  switch (uri.kind) {
    case "docker": {
      const insecure = isLoopbackRegistry(uri.image.registry) ? ["--src-tls-verify=false"] : [];
      const auth = options.authFile ? ["--src-authfile", options.authFile] : [];
      const { tag: _, ...image } = uri.image;
      return { source: `docker://${formatImageReference({ ...image, digest })}`, args: [...insecure, ...auth] };
    }
    case "docker-daemon":
      return { source: `docker-daemon:${digest}`, args: ["--src-daemon-host", options.dockerHost ?? dockerHost()] };
    case "containers-storage":
      return { source: `containers-storage:${uri.store}${formatDaemonImage(uri.image)}`, args: [] };
    case "dir":
      return { source: `dir:${uri.path}`, args: [] };
    case "foreign":
      throw unsupportedContainerUri(uri);
    default:
      return { source: `${uri.kind}:${uri.path}${uri.name === undefined ? "" : `:${uri.name}`}`, args: [] };
  }
}

function isImmutable(uri: ContainerUri): boolean {
  return uri.kind === "docker" || uri.kind === "docker-daemon";
}

function hexOf(digest: string): string {
  if (!/^sha256:[0-9a-f]{64}$/.test(digest))
    throw new OperationError("image-invalid", `'${digest}' is no sha256 digest`);
  return digest.slice("sha256:".length);
}

async function sync(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
