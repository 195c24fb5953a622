import { OperationError } from "./operation-error.ts";

const CAUSES: readonly {
  readonly pattern: RegExp;
  readonly code: string;
  readonly what: string;
  readonly fix: string;
}[] = [
  {
    pattern: /no space left on device/i,
    code: "disk-full",
    what: "there is no space left on the disk",
    fix: "free some space, then try again; what was fetched so far is kept",
  },
  {
    pattern: /source image rejected|invalid policy/i,
    code: "image-rejected",
    what: "the signature policy of this host does not accept it",
    fix: "sign the image as the policy wants it, or change the policy: containers-policy.json(5)",
  },
  {
    pattern:
      /unauthorized|authentication required|access to the resource is denied|access denied|\bdenied\b|forbidden/i,
    code: "image-unauthorized",
    what: "the registry refuses access",
    fix: "check the name; for a private image log in first: skopeo login REGISTRY",
  },
  {
    pattern:
      /manifest unknown|name unknown|not found|does not resolve|no such image|not known|does not exist|no such file/i,
    code: "image-not-found",
    what: "there is no such image",
    fix: "check the name and tag, and that the image was built or pushed",
  },
  {
    pattern: /no image found in (manifest list|image index)/i,
    code: "image-platform",
    what: "the image is not built for this machine's architecture",
    fix: "build and push it for this architecture too",
  },
  {
    pattern:
      /connection refused|no such host|i\/o timeout|no route to host|network is unreachable|TLS handshake|x509|server gave HTTP response/i,
    code: "registry-unreachable",
    what: "the registry cannot be reached",
    fix: "check the network and the registry's name; only registries on this machine may speak plain http",
  },
];

/** Turns what skopeo says into an error a user can act on; errors of other kinds pass through. */
export function skopeoError(error: unknown, source: string): unknown {
  if (!(error instanceof OperationError) || error.code !== "tool-failed") return error;
  const said = error.message
    .replace(/^.*?level=fatal msg=/s, "")
    .replace(/time="[^"]*" /g, "")
    .slice(0, 600);
  const cause = CAUSES.find(({ pattern }) => pattern.test(error.message));
  if (!cause) return new OperationError("image-fetch-failed", `${source}: ${said}`, { cause: error });
  return new OperationError(cause.code, `${source}: ${cause.what} (${said})`, { fix: cause.fix, cause: error });
}
