import { createHash } from "node:crypto";
import { constants, open } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type ContainerUri, formatDaemonImage, unsupportedContainerUri } from "./container-uri.ts";
import { dockerHost, dockerImageId } from "./docker-engine.ts";
import { formatImageReference, isLoopbackRegistry, parseImageReference } from "./image-reference.ts";
import { blobPath, layoutManifestDigest, manifestInIndex, readDocument } from "./oci-layout.ts";
import { OperationError } from "./operation-error.ts";
import { parseDocument } from "./parse-document.ts";
import { runTool } from "./run-tool.ts";
import { skopeoError } from "./skopeo-error.ts";

export interface FetchOptions {
  readonly signal?: AbortSignal;
  /** A line for each layer, for a human. */
  readonly onProgress?: (line: string) => void;
  /** Registry credentials in the format of `skopeo login --authfile`; mode 0600. Default: none but the tool's own. */
  readonly authFile?: string;
  /** A containers-policy.json(5). Default: that of the machine, if there is one, else anything is accepted. */
  readonly signaturePolicy?: string;
  /** Default: DOCKER_HOST, else the engine's standard socket. */
  readonly dockerHost?: string;
}

const RESOLVE_TIMEOUT_MS = 60_000;

const savedImages = z.array(z.object({ Config: z.string(), RepoTags: z.array(z.string()).nullish() }));

/**
 * What a reference stands for at this moment, as one digest: of the manifest (registry, layouts, storage) or of the image's
 * configuration (Docker engine and its archives). Equal digests mean equal content; every digest is of bytes that were read or
 * asked for by digest, so no source can claim another image's. Nothing is fetched but these documents.
 */
export async function resolveDigest(uri: ContainerUri, options: FetchOptions = {}): Promise<string> {
  switch (uri.kind) {
    case "docker": {
      if (uri.image.digest) return uri.image.digest;
      const insecure = isLoopbackRegistry(uri.image.registry) ? ["--tls-verify=false"] : [];
      const auth = options.authFile ? ["--authfile", options.authFile] : [];
      return rawManifestDigest(`docker://${formatImageReference(uri.image)}`, [...insecure, ...auth], options);
    }
    case "docker-daemon":
      if (uri.image.kind === "id") return uri.image.id;
      return dockerImageId(formatDaemonImage(uri.image), options.dockerHost ?? dockerHost(), options.signal);
    case "containers-storage":
      return rawManifestDigest(`containers-storage:${uri.store}${formatDaemonImage(uri.image)}`, [], options);
    case "oci": {
      const claimed = await layoutManifestDigest(uri.path, uri.name);
      return verified(claimed, await readDocument(blobPath(uri.path, claimed)), uri.path);
    }
    case "oci-archive": {
      const claimed = manifestInIndex(await archiveFile(uri.path, "index.json", options), uri.path, uri.name);
      const manifest = await archiveFile(uri.path, `blobs/sha256/${claimed.slice("sha256:".length)}`, options);
      return verified(claimed, Buffer.from(manifest), uri.path);
    }
    case "docker-archive":
      return sha256(await dockerArchiveConfig(uri.path, uri.name, options));
    case "dir":
      return sha256(await readDocument(join(uri.path, "manifest.json")));
    case "foreign":
      throw unsupportedContainerUri(uri);
  }
}

async function rawManifestDigest(source: string, args: readonly string[], options: FetchOptions): Promise<string> {
  try {
    const { stdout } = await runTool("skopeo", ["inspect", "--raw", ...args, source], {
      timeoutMs: RESOLVE_TIMEOUT_MS,
      ...(options.signal ? { signal: options.signal } : {}),
    });
    return sha256(stdout);
  } catch (error) {
    throw skopeoError(error, source);
  }
}

/** The configuration of the image in a `docker save` archive; its hash covers the layers through their diff ids. */
async function dockerArchiveConfig(path: string, name: string | undefined, options: FetchOptions): Promise<string> {
  const images = parseDocument(savedImages, await archiveFile(path, "manifest.json", options), `${path}/manifest.json`);
  const wanted = name === undefined ? undefined : formatImageReference(parseImageReference(name));
  // Docker writes names as typed, other tools in full.
  const isWanted = (tag: string) => formatImageReference(parseImageReference(tag)) === wanted;
  const named = wanted === undefined ? images : images.filter((image) => image.RepoTags?.some(isWanted));
  if (named.length === 1 && named[0]) return archiveFile(path, named[0].Config, options);
  const reason = name === undefined ? `holds ${images.length} images` : `holds no image named '${name}'`;
  throw new OperationError("image-not-found", `${path} ${reason}`, {
    fix: "add the name of one after the path: PATH:NAME:TAG",
  });
}

async function archiveFile(path: string, member: string, options: FetchOptions): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: NodeJS.ErrnoException) => {
    throw new OperationError("image-not-found", `${path} cannot be read: ${cause.message}`, {
      cause,
      fix: "check the path",
    });
  });
  const isFile = await file.stat().then((found) => found.isFile());
  await file.close();
  if (!isFile) throw new OperationError("image-invalid", `${path} is not a file`);
  const args = ["--extract", "--to-stdout", "--occurrence=1", `--file=${path}`, "--force-local", "--", member];
  const { stdout } = await runTool("tar", args, options.signal ? { signal: options.signal } : {}).catch((cause) => {
    if (!(cause instanceof OperationError) || cause.code !== "tool-failed") throw cause;
    throw new OperationError("image-invalid", `${path} is no image archive: it has no ${member}`, { cause });
  });
  return stdout;
}

function verified(claimed: string, content: Buffer, where: string): string {
  if (sha256(content) === claimed) return claimed;
  throw new OperationError(
    "image-invalid",
    `${where}: the manifest does not have the digest ${claimed} it is listed with`,
  );
}

function sha256(content: string | Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}
