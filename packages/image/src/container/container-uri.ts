import { isAbsolute, resolve } from "node:path";
import { formatImageReference, type ImageReference, parseImageReference } from "./image-reference.ts";
import { OperationError } from "./operation-error.ts";

/** Where a container image comes from: every form of spec nib-and-images §4.2. */
export type ContainerUri =
  | { readonly kind: "docker"; readonly image: ImageReference }
  | { readonly kind: "docker-daemon"; readonly image: DaemonImage }
  | { readonly kind: "containers-storage"; readonly store: string; readonly image: DaemonImage }
  | { readonly kind: "docker-archive" | "oci" | "oci-archive"; readonly path: string; readonly name?: string }
  | { readonly kind: "dir"; readonly path: string }
  /** Parsed so that tools can name it; nothing here can fetch it. */
  | { readonly kind: "foreign"; readonly transport: ForeignTransport; readonly reference: string };

/** An image in a local engine: by name, or by its id. */
export type DaemonImage =
  | { readonly kind: "name"; readonly reference: ImageReference }
  | { readonly kind: "id"; readonly id: string };

const FOREIGN = ["library", "oras", "shub", "http", "https", "ipfs", "buildkit", "dockerfile", "path"] as const;
export type ForeignTransport = (typeof FOREIGN)[number];

const NATIVE = [
  "docker",
  "docker-daemon",
  "docker-archive",
  "oci",
  "oci-archive",
  "dir",
  "containers-storage",
] as const;

/**
 * Grammar: `transport ":" ["//"] reference`, an absolute path, or a bare `[registry/]name[:tag]` (= docker).
 * Both slash forms mean the same. Errors: `container-uri-empty`, `container-uri-invalid`.
 */
export function parseContainerUri(text: string): ContainerUri {
  if (text.trim() === "") {
    throw new OperationError("container-uri-empty", "container_uri is empty", {
      fix: "name the image, e.g. docker-daemon://my-image:latest or docker://ghcr.io/org/my-image:v1",
    });
  }
  if (/[\s\p{Cc}]/u.test(text)) throw invalid(text, "it holds a space or control character");
  if (text.startsWith("/")) return { kind: "foreign", transport: "path", reference: text };
  const [, word, rest] = /^([a-z][a-z0-9-]*):(?:\/\/)?(.*)$/s.exec(text) ?? [];
  const transport = word ?? "";
  const reference = rest ?? "";
  if (isOneOf(FOREIGN, transport) && transport !== "path") {
    if (reference === "") throw invalid(text, "the reference is missing");
    return { kind: "foreign", transport, reference };
  }
  if (!isOneOf(NATIVE, transport)) {
    if (text.includes("://")) throw unknownTransport(text, transport || text.slice(0, text.indexOf(":")));
    return { kind: "docker", image: parseImageReference(text) };
  }
  if (reference === "") throw invalid(text, "the reference is missing");
  switch (transport) {
    case "docker":
      return { kind: "docker", image: parseImageReference(reference) };
    case "docker-daemon":
      return { kind: "docker-daemon", image: parseDaemonImage(reference) };
    case "containers-storage": {
      const [, store = "", name = ""] = /^(\[[^\]]*\])?(.*)$/s.exec(reference) ?? [];
      return { kind: "containers-storage", store, image: parseDaemonImage(name) };
    }
    case "dir":
      return { kind: "dir", path: reference };
    default:
      return { kind: transport, ...splitPath(text, reference) };
  }
}

/** The canonical spelling; parsing it gives the same value again. */
export function formatContainerUri(uri: ContainerUri): string {
  switch (uri.kind) {
    case "docker":
      return `docker://${formatImageReference(uri.image)}`;
    case "docker-daemon":
      return `docker-daemon://${formatDaemonImage(uri.image)}`;
    case "containers-storage":
      return `containers-storage:${uri.store}${formatDaemonImage(uri.image)}`;
    case "dir":
      return `dir:${uri.path}`;
    case "foreign":
      return uri.transport === "path" ? uri.reference : `${uri.transport}://${uri.reference}`;
    default:
      return `${uri.kind}:${uri.path}${uri.name === undefined ? "" : `:${uri.name}`}`;
  }
}

export function formatDaemonImage(image: DaemonImage): string {
  return image.kind === "id" ? image.id : formatImageReference(image.reference);
}

/** Relative paths are relative to `directory` (that of `babel.yaml`), never to a daemon's working directory. */
export function resolveContainerPath(uri: ContainerUri, directory: string): ContainerUri {
  return "path" in uri && !isAbsolute(uri.path) ? { ...uri, path: resolve(directory, uri.path) } : uri;
}

/** True when other machines cannot fetch it: `push` warns about it. */
export function isHostLocal(uri: ContainerUri): boolean {
  if (uri.kind === "foreign") return uri.transport === "path" || uri.transport === "dockerfile";
  return uri.kind !== "docker";
}

/** True when the same text may mean another image tomorrow: a registry reference without digest, and no tag or `latest`. */
export function hasMutableTag(uri: ContainerUri): boolean {
  return uri.kind === "docker" && uri.image.digest === undefined && (uri.image.tag ?? "latest") === "latest";
}

/** Error `container-uri-unsupported` for the forms that parse but cannot be fetched. */
export function unsupportedContainerUri(uri: Extract<ContainerUri, { kind: "foreign" }>): OperationError {
  const what = uri.transport === "path" ? `the path ${uri.reference}` : `${uri.transport}://`;
  return new OperationError("container-uri-unsupported", `container_uri: images from ${what} are not supported`, {
    fix: `use one of ${NATIVE.map((name) => `${name}:`).join(" ")}`,
  });
}

function parseDaemonImage(text: string): DaemonImage {
  if (/^sha256:[0-9a-f]{64}$/.test(text)) return { kind: "id", id: text };
  return { kind: "name", reference: parseImageReference(text) };
}

function splitPath(text: string, reference: string): { readonly path: string; readonly name?: string } {
  const colon = reference.indexOf(":");
  if (colon < 0) return { path: reference };
  const path = reference.slice(0, colon);
  const name = reference.slice(colon + 1);
  if (path === "") throw invalid(text, "the path is missing");
  return name === "" ? { path } : { path, name };
}

function isOneOf<T extends string>(words: readonly T[], word: string): word is T {
  return (words as readonly string[]).includes(word);
}

function invalid(text: string, reason: string): OperationError {
  return new OperationError("container-uri-invalid", `container_uri: '${text}' is invalid: ${reason}`, {
    fix: "write it as transport://reference, e.g. docker-daemon://my-image:latest",
  });
}

function unknownTransport(text: string, transport: string): OperationError {
  return new OperationError("container-uri-invalid", `container_uri: '${text}': '${transport}' is no known transport`, {
    fix: `use one of ${[...NATIVE, ...FOREIGN.filter((name) => name !== "path")].join(", ")}`,
  });
}
