import { type ContainerUri, formatImageReference, OperationError } from "@blockvisor/image/container";

/** What a host fetches images from (spec host-daemon S10). */
export interface SourcePolicy {
  /** `registry` or `registry/path`, with all that is below; undefined: any. */
  readonly registries: readonly string[] | undefined;
  /** A tag may mean another image tomorrow: only references with a digest. */
  readonly pinned: boolean;
  /** A containers-policy.json(5), which says whose signatures images of which registries need; undefined: that of the machine, if there is one. */
  readonly signaturePolicy: string | undefined;
}

/**
 * Refuses what the host's operator does not want. `digest`: the image was resolved before, and only this very one is taken.
 * Images that are on the machine already (an engine, a folder, an archive) came there by its operator. Errors `image-registry-refused`, `image-not-pinned`;
 * `container-uri-unsupported` for an engine's store that is named: who names it need not be root, and it says what programs root runs, and what root reads.
 */
export function requireAllowedSource(uri: ContainerUri, policy: SourcePolicy, digest: string | undefined): void {
  if (uri.kind === "containers-storage" && uri.store !== "") {
    throw new OperationError("container-uri-unsupported", `this host takes no images from the store ${uri.store}`, {
      fix: "write the image to a file, and name that: podman save --format oci-archive -o FILE IMAGE; oci-archive:FILE",
    });
  }
  if (uri.kind !== "docker") return;
  const { registries, pinned } = policy;
  const name = `${uri.image.registry}/${uri.image.repository}`;
  if (registries !== undefined && !registries.some((entry) => isBelow(name, entry))) {
    throw new OperationError("image-registry-refused", `this host fetches no images from ${name}`, {
      fix: "if you trust it, add it to images.registries in blockvisor.json, then: bv host reload",
    });
  }
  if (pinned && uri.image.digest === undefined && digest === undefined) {
    const named = formatImageReference(uri.image);
    throw new OperationError("image-not-pinned", `this host fetches only images with a digest, and ${named} has none`, {
      fix: "name the image with its digest, NAME@sha256:…, or set images.pinned in blockvisor.json to false, then: bv host reload",
    });
  }
}

function isBelow(name: string, entry: string): boolean {
  const [wanted, given] = [entry.toLowerCase(), name.toLowerCase()];
  return given === wanted || given.startsWith(`${wanted}/`);
}
