import { join } from "node:path";
import { mappedMounts, type StagedTree } from "../user-namespace/index.ts";
import type { ContainerSpec } from "./container-runtime.ts";
import { networkOf, portsOf, stageFor } from "./own-ids.ts";

/** What is there for a command of Apptainer before it begins; paths are as it sees them. */
export interface ApptainerGround {
  /** Its own state of the node. */
  readonly folder: string;
  readonly rootfs: string;
  /** The /sys of the node's network. */
  readonly sysfs: string;
  readonly ramdisks: readonly { readonly source: string; readonly destination: string }[];
  readonly mounts: ContainerSpec["mounts"];
  /** argv of `apptainer …` that starts the container there, as the child of a process that holds the lock (descriptor 3). */
  start(command: readonly string[]): readonly [string, ...string[]];
  /** argv of `apptainer …` about the container whose init has this pid. */
  beside(command: readonly string[], init: number): readonly [string, ...string[]];
}

interface HostPlaces {
  /** On the host. */
  readonly folder: string;
  /** `cgroup.procs` of the container in each hierarchy. */
  readonly joinFiles: readonly string[];
  /** Its folder in version 2, where there is one. */
  readonly unifiedFolder: string | undefined;
}

export function apptainerGround(spec: ContainerSpec, host: HostPlaces): ApptainerGround {
  const { idBase } = spec;
  return idBase === undefined ? asTheMachine(spec, host) : withOwnIds({ ...spec, idBase }, host);
}

/** Gives up the daemon's protection from the memory killer. */
const EXPOSED = `[ "$(cat /proc/$$/oom_score_adj)" -ge 0 ] || echo 0 >/proc/$$/oom_score_adj`;

/**
 * Enters the node's cgroups ($1: their files, one a line), then becomes the rest of its arguments. With $2 it first makes, in a
 * mount namespace of its own, what is bound into the container (a /sys of the right network, ram disks: `size path` a line), and
 * stays as the parent: it holds the lock (descriptor 3), which Apptainer would hand on to what lives as long as the container.
 */
const ENTER = `
  set -e
  [ -z "$1" ] || printf '%s\\n' "$1" | while read -r file; do echo $$ >"$file"; done
  ${EXPOSED}
  mounts=$2
  shift 2
  [ -n "$mounts" ] || exec "$@"
  printf '%s\\n' "$mounts" | while read -r size path; do
    mkdir -p "$path"
    if [ "$size" = sysfs ]; then mount -t sysfs -o nosuid,nodev,noexec sysfs "$path"
    else mount -t tmpfs -o "nosuid,nodev,size=$size" tmpfs "$path"; fi
  done
  "$@" 3>&-`;

function asTheMachine(spec: ContainerSpec, { folder, joinFiles }: HostPlaces): ApptainerGround {
  const sysfs = join(folder, "sys");
  const ramdisks = spec.ramdisks.map(({ sizeMb, mountPoint }, index) => {
    return { size: sizeMb * 1_000_000, source: join(folder, `ramdisk-${index}`), destination: mountPoint };
  });
  const mounts = [`sysfs ${sysfs}`, ...ramdisks.map(({ size, source }) => `${size} ${source}`)];
  const network = spec.network.kind === "host" ? [] : ["nsenter", `--net=${spec.network.path}`];
  const enter = (made: readonly string[]) => ["sh", "-c", ENTER, "sh", joinFiles.join("\n"), made.join("\n")];
  const argv = ([first = "", ...rest]: readonly string[]): readonly [string, ...string[]] => [first, ...rest];
  return {
    folder,
    rootfs: spec.rootfs,
    sysfs,
    ramdisks,
    mounts: spec.mounts,
    start: (command) =>
      argv([...network, "unshare", "--mount", "--propagation", "private", ...enter(mounts), ...command]),
    beside: (command) => argv([...network, ...enter([]), ...command]),
  };
}

/**
 * Apptainer has no option for ids of a range, but what root of a user namespace starts with it has that one's. So all of Apptainer runs as
 * root of a namespace that was made for the node, in a stage as under the oci runtime; what it starts later joins the same.
 */
function withOwnIds(
  spec: ContainerSpec & { readonly idBase: number },
  { folder, joinFiles, unifiedFolder }: HostPlaces,
): ApptainerGround {
  const stage = stageFor(spec, []);
  const at = (name: string): string => `${stage.rest}/${name}`;
  const state: StagedTree = { kind: "as-is", source: folder, place: "apptainer" };
  const trees: readonly StagedTree[] = [
    state,
    { kind: "as-is", source: spec.rootfs, place: stage.root },
    { kind: "sysfs", source: "", place: "sys" },
    ...spec.mounts.map(({ source, readOnly }, index): StagedTree => {
      return { kind: readOnly ? "try-map" : "map", source, place: `mount-${index}` };
    }),
    ...spec.ramdisks.map(({ sizeMb }, index): StagedTree => {
      return { kind: "tmpfs", source: String(sizeMb * 1_000_000), place: `ramdisk-${index}` };
    }),
  ];
  const call = {
    verb: "enter",
    base: spec.idBase,
    stage: stage.rest,
    network: networkOf(spec),
    join: joinFiles,
  } as const;
  return {
    folder: at("apptainer"),
    rootfs: stage.root,
    sysfs: at("sys"),
    ramdisks: spec.ramdisks.map(({ mountPoint }, index) => ({
      source: at(`ramdisk-${index}`),
      destination: mountPoint,
    })),
    mounts: spec.mounts.map((mount, index) => ({ ...mount, source: at(`mount-${index}`) })),
    start: (command) =>
      mappedMounts({
        ...call,
        trees,
        users: "new",
        ...portsOf(spec, { unifiedFolder }),
        command: ["sh", "-c", `${EXPOSED}; "$@" 3>&-`, "sh", ...command],
      }),
    beside: (command, init) =>
      mappedMounts({
        ...call,
        trees: [state],
        users: `/proc/${init}/ns/user`,
        command: ["sh", "-c", `${EXPOSED}; exec "$@"`, "sh", ...command],
      }),
  };
}
