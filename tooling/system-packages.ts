import { existsSync } from "node:fs";
import { output, run } from "./command.ts";

/** A tool the product or its tests call, and the Debian / Ubuntu package that brings it. */
interface SystemTool {
  readonly name: string;
  readonly package: string;
  readonly why: string;
  /** Prints its version or its path when it is there. */
  readonly find: () => string | undefined;
}

const onPath = (name: string) => () => output("sh", ["-c", 'command -v "$1"', "sh", name]);
const file = (path: string) => () => (existsSync(path) ? path : undefined);
const tool = (name: string, why: string, debianPackage = name): SystemTool => ({
  name,
  package: debianPackage,
  why,
  find: onPath(name),
});

export const hostTools: readonly SystemTool[] = [
  tool("crun", "runs nodes as containers"),
  tool("runc", "runs nodes as containers where crun does not"),
  tool("skopeo", "fetches images"),
  tool("umoci", "unpacks images"),
  tool("ip", "bridges and node addresses", "iproute2"),
  tool("nft", "the nodes' firewalls", "nftables"),
  tool("perl", "network namespaces, mounts that show other owners", "perl-base"),
  {
    name: "busybox",
    package: "busybox-static",
    why: "the agent's shell in images without one",
    find: file("/bin/busybox"),
  },
  { name: "tini", package: "tini", why: "process 1 of a node", find: file("/usr/bin/tini-static") },
];

/** What the guide's commands need beyond what a host needs. */
export const demoTools: readonly SystemTool[] = [
  tool("dockerd", "docker builds", "docker.io"),
  tool("debootstrap", "a Debian base image without a registry, a host with Apptainer"),
];

export const testTools: readonly SystemTool[] = [
  ...demoTools,
  tool("buildah", "image builds without a daemon"),
  tool("podman", "image builds and containers-storage"),
  tool("docker-registry", "a real registry on loopback"),
  tool("zstd", "another reader of what is archived"),
  tool("openssl", "certificates for tests"),
  tool("btrfs", "a file system with a quota for each node", "btrfs-progs"),
  tool("mosquitto", "an MQTT broker that is not ours"),
  {
    name: "swift",
    package: "python3-swift",
    why: "an object store with S3's interface",
    find: () => output("/usr/bin/python3", ["-c", "import swift; print(swift.__file__)"]),
  },
  {
    name: "postgresql",
    package: "postgresql",
    why: "a PostgreSQL server",
    find: () => output("sh", ["-c", "ls -d /usr/lib/postgresql/*/bin/initdb"])?.split("\n").at(-1),
  },
];

/** For a machine of its own, see `machine/`. */
export const machineTools: readonly SystemTool[] = [
  tool("systemd-nspawn", "boots a Debian machine", "systemd-container"),
  tool("debootstrap", "makes a Debian machine"),
];

/** A container builder: docker where its daemon answers, else buildah or podman; buildah is installed when there is none. */
export function findBuilder(): string | undefined {
  if (output("docker", ["version", "--format", "{{.Server.Version}}"])) return "docker";
  return ["buildah", "podman"].find((name) => onPath(name)());
}

/** Finds each tool, installs what is missing with apt-get, and says so in one line each. */
export async function provide(tools: readonly SystemTool[]): Promise<void> {
  const missing: SystemTool[] = [];
  for (const wanted of tools) {
    const found = wanted.find();
    if (found) console.log(`  found    ${wanted.name.padEnd(16)} ${found.split("\n")[0]}`);
    else missing.push(wanted);
  }
  if (missing.length === 0) return;
  const packages = missing.map((wanted) => wanted.package);
  if (!output("sh", ["-c", "command -v apt-get"])) {
    throw new Error(`these packages are missing and there is no apt-get to install them: ${packages.join(" ")}`);
  }
  if (process.getuid?.() !== 0)
    throw new Error(`run as root, or install by hand: apt-get install ${packages.join(" ")}`);
  for (const wanted of missing) console.log(`  install  ${wanted.name.padEnd(16)} ${wanted.package} (${wanted.why})`);
  const quiet = { env: { DEBIAN_FRONTEND: "noninteractive" } };
  await run("apt-get", ["-qq", "update"], quiet);
  await run(
    "apt-get",
    ["-qq", "-o", "Dpkg::Use-Pty=0", "install", "-y", "--no-install-recommends", ...packages],
    quiet,
  );
  for (const wanted of missing) {
    if (!wanted.find()) throw new Error(`${wanted.package} was installed, but ${wanted.name} is still not there`);
  }
}
