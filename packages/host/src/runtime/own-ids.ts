import { dirname } from "node:path";
import { isOperationError, OperationError, runTool } from "@blockvisor/image/container";
import {
  chooseRange,
  mappedMounts,
  RANGE_SIZE,
  type Stage,
  type StagedTree,
  stageBeside,
} from "../user-namespace/index.ts";
import type { ContainerSpec } from "./container-runtime.ts";
import { isIn, type ToolGround } from "./tool-ground.ts";

/** What the tool finds on its stage when a container has a user namespace of its own. */
export interface OwnIds {
  readonly base: number;
  readonly ground: ToolGround;
  readonly rootfs: string;
  readonly resolvConf: string;
  readonly hosts: string;
  readonly mounts: ContainerSpec["mounts"];
  /** Mounts of the specification in place of the kernel's own, which only the owner of the network and of the hierarchies may make. */
  readonly system: readonly object[];
  readonly mappings: readonly object[];
  /** argv of `command` with everything above in place. */
  enter(command: readonly string[]): readonly [string, ...string[]];
}

interface HostPlaces {
  readonly resolvConf: string;
  readonly hosts: string;
  /** `cgroup.procs` of the container in each hierarchy. */
  readonly joinFiles: readonly string[];
  /** Its folder in version 2, where there is one. */
  readonly unifiedFolder: string | undefined;
  /** Its name below each hierarchy. */
  readonly cgroup: string;
  readonly ground: ToolGround;
  /** What the tool has to see besides. */
  readonly needed: readonly string[];
}

/**
 * How a container with ids `base` and up is started. The root file system shows such ids already; folders that are written show them in
 * there only: on disk root stays 0. Error `container-start-failed`.
 */
export function ownIds(spec: ContainerSpec & { readonly idBase: number }, host: HostPlaces): OwnIds {
  const { idBase: base } = spec;
  const stage = stageFor(spec, host.needed);
  const network = networkOf(spec);
  const { join, hidden } = host.ground;
  const hiddenFile = host.joinFiles.find((file) => isIn(file, hidden));
  const shown = hiddenFile === undefined ? undefined : { source: dirname(hiddenFile), place: "unified" };
  const trees: readonly StagedTree[] = [
    { kind: "as-is", source: spec.rootfs, place: stage.root },
    { kind: "sysfs", source: "", place: "sys" },
    ...(shown ? [{ kind: "as-is", ...shown } as const] : []),
    { kind: "try-map", source: host.resolvConf, place: "resolv.conf" },
    { kind: "try-map", source: host.hosts, place: "hosts" },
    ...spec.mounts.map(({ source, readOnly }, index): StagedTree => {
      return { kind: readOnly ? "try-map" : "map", source, place: `mount-${index}` };
    }),
  ];
  const ids = { containerID: 0, hostID: base, size: RANGE_SIZE };
  return {
    base,
    ground: host.ground,
    // A tool that runs something more in the container goes there first, outside: the folder exists.
    rootfs: stage.root,
    resolvConf: `${stage.rest}/resolv.conf`,
    hosts: `${stage.rest}/hosts`,
    mounts: spec.mounts.map((mount, index) => ({ ...mount, source: `${stage.rest}/mount-${index}` })),
    system: [
      readOnly(`${stage.rest}/sys`, "/sys"),
      ...cgroupMounts(host, (folder) => (folder === shown?.source ? `${stage.rest}/${shown.place}` : folder)),
    ],
    mappings: [ids],
    enter: (command) =>
      mappedMounts({
        verb: "enter",
        base,
        stage: stage.rest,
        network,
        join,
        ...(hidden === undefined ? {} : { hidden }),
        trees,
        ...portsOf(spec, host),
        command,
      }),
  };
}

/** Two folders for the trees of a container. Error `container-start-failed`. */
export function stageFor(spec: ContainerSpec, needed: readonly string[]): Stage {
  // runc takes a place in the container whose name begins like the root file system's for one outside.
  const destinations = [
    ...spec.mounts.map((mount) => mount.destination),
    ...spec.ramdisks.map((disk) => disk.mountPoint),
  ];
  const stage = stageBeside(...needed, ...destinations);
  if (stage) return stage;
  const message = "there are no two folders like /var/local and /srv to mount on";
  throw new OperationError("container-start-failed", message, { fix: "mkdir /var/local /var/opt" });
}

/** argv of a command that starts something more in such a container. */
export function besideOwnIds(spec: ContainerSpec, command: readonly string[]): readonly [string, ...string[]] {
  return ["nsenter", `--net=${networkOf(spec)}`, ...command];
}

/** On the machine's network root of the container may have the ports that are for root. */
export function portsOf(
  { network }: ContainerSpec,
  { unifiedFolder }: Pick<HostPlaces, "unifiedFolder">,
): { readonly ports?: string } {
  return network.kind === "host" && unifiedFolder !== undefined ? { ports: unifiedFolder } : {};
}

/** Who has joined the container's user namespace cannot join a network that is the machine's: the tool is in it from the beginning. */
export function networkOf({ network }: ContainerSpec): string {
  return network.kind === "host" ? "/proc/self/ns/net" : network.path;
}

/** The container's own cgroups, where the kernel shows those of the machine. */
function cgroupMounts({ joinFiles, cgroup }: HostPlaces, seenAt: (folder: string) => string): readonly object[] {
  const folders = joinFiles.map((file) => dirname(file));
  const mounts = folders.map((folder) => readOnly(seenAt(folder), folder.slice(0, -cgroup.length - 1)));
  const isUnified = mounts.length === 1;
  const options = ["nosuid", "noexec", "nodev", "mode=755", "size=64k"];
  const parent = { destination: "/sys/fs/cgroup", type: "tmpfs", source: "tmpfs", options };
  return isUnified ? mounts : [parent, ...mounts];
}

function readOnly(source: string, destination: string): object {
  return { destination, type: "bind", source, options: ["bind", "rprivate", "ro", "nosuid", "noexec", "nodev"] };
}

/** Why a cgroup (`folder`, which is made for it) cannot let its processes have low ports; `undefined`: it can. */
export async function tryLowPorts(folder: string): Promise<string | undefined> {
  const [tool, ...args] = mappedMounts({ verb: "ports", base: chooseRange(new Set()), folder });
  try {
    await runTool(tool, args);
    return undefined;
  } catch (error) {
    if (!isOperationError(error)) throw error;
    return error.message;
  }
}
