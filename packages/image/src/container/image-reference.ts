import { OperationError } from "./operation-error.ts";

/** A name in a registry or an engine: `registry/repository:tag@digest`, normalised as docker does. */
export interface ImageReference {
  readonly registry: string;
  readonly repository: string;
  /** Absent when only a digest is given; never defaulted here. */
  readonly tag?: string;
  readonly digest?: string;
}

const COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const REPOSITORY = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const REGISTRY = /^(?:localhost|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Parses `[registry/]path[:tag][@sha256:…]`. Error `container-uri-invalid` says which part is wrong. */
export function parseImageReference(text: string): ImageReference {
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const named = at < 0 ? text : text.slice(0, at);
  const slash = named.lastIndexOf("/");
  const colon = named.indexOf(":", slash + 1);
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  const name = colon < 0 ? named : named.slice(0, colon);
  const first = name.indexOf("/");
  const head = first < 0 ? "" : name.slice(0, first);
  const hasRegistry = head === "localhost" || /[.:[]/.test(head) || /[A-Z]/.test(head);
  const registry = hasRegistry ? head : "docker.io";
  const path = hasRegistry ? name.slice(first + 1) : name;
  const repository = registry === "docker.io" && !path.includes("/") ? `library/${path}` : path;

  if (path === "") throw invalid(text, "the image name is missing");
  if (!REGISTRY.test(registry)) throw invalid(text, `'${registry}' is no registry host`);
  if (!REPOSITORY.test(repository)) {
    const fix = /[A-Z]/.test(path) ? `use lower case: ${path.toLowerCase()}` : undefined;
    throw invalid(text, `'${path}' is no image name`, fix);
  }
  if (tag !== undefined && !TAG.test(tag)) throw invalid(text, `'${tag}' is no tag`);
  if (digest !== undefined && !DIGEST.test(digest)) throw invalid(text, `'${digest}' is no sha256 digest`);
  return { registry, repository, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

/** `registry/repository[:tag][@digest]`; a digest wins over a tag, which the tools do not take together. */
export function formatImageReference(reference: ImageReference): string {
  const name = `${reference.registry}/${reference.repository}`;
  return reference.digest ? `${name}@${reference.digest}` : `${name}:${reference.tag ?? "latest"}`;
}

/** A registry on this machine may speak plain http; any other must prove itself with TLS. */
export function isLoopbackRegistry(registry: string): boolean {
  const host = registry.replace(/:[0-9]+$/, "");
  return (
    host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127(?:\.[0-9]{1,3}){3}$/.test(host)
  );
}

function invalid(text: string, reason: string, fix = "write it as name:tag or registry/name:tag"): OperationError {
  return new OperationError("container-uri-invalid", `container_uri: '${text}' is no image reference: ${reason}`, {
    fix,
  });
}
