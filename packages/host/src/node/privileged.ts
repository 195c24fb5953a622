import { isDeepStrictEqual } from "node:util";
import { type ContainerUri, type ImageConfig, parseContainerUri } from "@blockvisor/image/container";
import type { HostConfig } from "../config/host-config.ts";
import { HostError } from "../errors/host-error.ts";
import type { NodeImage } from "./node-state.ts";

/** `LABEL io.blockvisor.privileged=true` in the image's Containerfile: it travels with the image, through every registry and control plane. */
const label = "io.blockvisor.privileged";

/**
 * Whether an image wants its container to be root of the machine (spec host-daemon DB-5.4). The host's operator has to agree, by
 * `privileged_images` of `blockvisor.json`. Error `unsupported`.
 */
export function wantsPrivileges(config: HostConfig, uri: string, { labels }: ImageConfig): boolean {
  const privileged = labels[label] === "true";
  requireAllowed(config, { uri, privileged });
  return privileged;
}

/** Also an image that was allowed once has to be still. Error `unsupported`. */
export function requireAllowed(config: HostConfig, { uri, privileged }: Pick<NodeImage, "uri" | "privileged">): void {
  if (!privileged || config.privilegedImages.some((entry) => names(entry, uri))) return;
  const message = `the image wants a privileged container, which this host does not allow: ${uri}`;
  throw new HostError("unsupported", message, {
    hint: `if you trust it with the whole machine, add it to privileged_images in blockvisor.json and restart the daemon`,
  });
}

/** An entry without tag and digest names every version of an image. */
function names(entry: string, uri: string): boolean {
  const [allowed, image] = [parseContainerUri(entry), parseContainerUri(uri)];
  return isDeepStrictEqual(allowed, image) || isDeepStrictEqual(allowed, withoutVersion(image));
}

function withoutVersion(uri: ContainerUri): ContainerUri {
  switch (uri.kind) {
    case "docker":
      return { ...uri, image: { registry: uri.image.registry, repository: uri.image.repository } };
    case "docker-daemon":
    case "containers-storage": {
      if (uri.image.kind === "id") return uri;
      const { registry, repository } = uri.image.reference;
      return { ...uri, image: { kind: "name", reference: { registry, repository } } };
    }
    case "docker-archive":
    case "oci":
    case "oci-archive":
      return { kind: uri.kind, path: uri.path };
    default:
      return uri;
  }
}
