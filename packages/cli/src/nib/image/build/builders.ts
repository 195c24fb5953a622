import { Failure } from "../../../failure/failure.ts";
import { runTool } from "../../../process/run-tool.ts";
import { type BuilderName, builderNames } from "./verb.ts";

interface Builder {
  /** Succeeds when the builder is there and answers. */
  readonly probe: readonly string[];
  readonly build: readonly string[];
  /** Where hosts on this machine find what it built. */
  readonly uri: (tag: string) => string;
}

/** chroot isolation needs no OCI runtime and no cgroups, so podman and buildah also work inside containers. */
const builders: Readonly<Record<BuilderName, Builder>> = {
  docker: {
    probe: ["version", "--format", "{{.Server.Version}}"],
    build: ["build"],
    uri: (tag) => `docker-daemon://${tag}`,
  },
  podman: {
    probe: ["info", "--format", "{{.Version.Version}}"],
    build: ["build", "--format", "oci", "--isolation", "chroot"],
    uri: (tag) => `containers-storage:${localName(tag)}`,
  },
  buildah: {
    probe: ["info"],
    build: ["build", "--format", "oci", "--isolation", "chroot"],
    uri: (tag) => `containers-storage:${localName(tag)}`,
  },
};

const install = "install one: apt-get install buildah (or docker.io, or podman)";

export interface BuildRequest {
  readonly tag: string;
  readonly dockerfile: string;
  readonly context: string;
  readonly buildArgs: readonly string[];
  readonly cache: boolean;
  readonly signal: AbortSignal;
  readonly onOutput: (text: string) => void;
  /** Whether the user has not seen what the builder printed. */
  readonly quiet: boolean;
}

/** The wanted builder, or the first that is there and answers. */
export async function findBuilder(wanted: BuilderName | undefined): Promise<BuilderName> {
  const causes: string[] = [];
  for (const name of wanted ? [wanted] : builderNames) {
    const problem = await unavailable(name);
    if (problem === undefined) return name;
    causes.push(`${name}: ${problem}`);
  }
  throw new Failure("no-builder", wanted ? `${wanted} cannot be used` : "there is no container builder", {
    causes,
    hint: wanted ? "leave out --builder to take any that is there" : install,
  });
}

/** Builds, and gives the `container_uri` of what was built. */
export async function build(name: BuilderName, request: BuildRequest): Promise<string> {
  const builder = builders[name];
  const args = [
    ...builder.build,
    ...["--tag", request.tag, "--file", request.dockerfile],
    ...request.buildArgs.flatMap((argument) => ["--build-arg", argument]),
    ...(request.cache ? [] : ["--no-cache"]),
    request.context,
  ];
  const { status, tail } = await runTool(name, args, { ...request, missing: install });
  if (request.signal.aborted) throw new Failure("interrupted", "the build was interrupted");
  if (status !== 0) {
    throw new Failure("build-failed", `${name} build failed with exit code ${status}`, {
      excerpt: request.quiet ? tail.split("\n").slice(-12).join("\n") : undefined,
      hint: `correct ${request.dockerfile} and try again`,
    });
  }
  return builder.uri(request.tag);
}

async function unavailable(name: BuilderName): Promise<string | undefined> {
  try {
    const { status, tail } = await runTool(name, builders[name].probe, { missing: install });
    return status === 0 ? undefined : (tail.split("\n").at(-1) ?? "it does not answer");
  } catch (error) {
    if (error instanceof Failure) return error.message;
    throw error;
  }
}

/** podman and buildah put names without a registry under localhost/. */
function localName(tag: string): string {
  const [first = ""] = tag.split("/");
  const hasRegistry = tag.includes("/") && (/[.:]/.test(first) || first === "localhost");
  return hasRegistry ? tag : `localhost/${tag}`;
}
