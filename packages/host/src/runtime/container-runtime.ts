import type { ResourceLimits, ResourceUsage } from "../cgroups/index.ts";
import type { ContainerEnd } from "./container-end.ts";
import type { InteractiveProcess } from "./interactive-process.ts";
import type { ProcessIdentity } from "./process-identity.ts";

/**
 * What runs a node's container (design.md, mechanism 8). One contract suite (`runtime-contract.test.ts`) runs against every
 * adapter. Every call may be repeated and may be cut by `kill -9` anywhere; containers live on when the daemon dies.
 * The adapter keeps its own record at `<node>/container.json` and trusts no runtime's list.
 *
 * Errors (OperationError codes): `tool-missing`, `tool-failed`, `tool-timeout`, `runtime-unusable`, `container-unknown`
 * (no `create` before), `container-not-running`, `container-running`, `container-start-failed`, `container-exec-failed`,
 * `container-stop-failed`, `aborted`.
 */
export interface ContainerRuntime {
  readonly kind: "oci" | "apptainer";

  /** What the node's container was made with; of one that does not exist: what it would be. */
  kindOf(nodeId: string): Promise<ContainerRuntime["kind"]>;

  /** Whether this machine can run containers with it, found out by trying; the reason and the fix when not. */
  probe(): Promise<RuntimeProbe>;

  /** Why containers cannot have a user namespace of their own with it (or `kind`), found out by trying; `undefined`: they can. */
  withoutUserNamespaces(kind?: ContainerRuntime["kind"]): Promise<string | undefined>;

  /** Records what to run. Nothing runs yet. Replaces an earlier specification; refused while the container runs. */
  create(spec: ContainerSpec): Promise<void>;

  /** Starts the container's init, after clearing leftovers of an earlier run. Already running: its identity. */
  start(nodeId: string, options?: StartOptions): Promise<ProcessIdentity>;

  /** Starts a process in the running container and leaves it alone: it outlives the daemon. */
  exec(nodeId: string, command: ExecSpec, options?: CallOptions): Promise<ProcessIdentity>;

  /** Starts a process in the running container for somebody who talks to it, until `signal`, or the daemon's end. */
  execInteractive(nodeId: string, command: InteractiveSpec, options?: CallOptions): Promise<InteractiveProcess>;

  /** SIGTERM to init, SIGKILL to everything in the container after `timeoutMs`. Resolves when nothing of it runs. */
  stop(nodeId: string, options?: CallOptions & { readonly timeoutMs?: number }): Promise<void>;

  /** SIGKILL to everything in the container at once. Resolves when nothing of it runs. */
  kill(nodeId: string, options?: CallOptions): Promise<void>;

  /** What is really there now; cheap (no child process), never cached. */
  state(nodeId: string): Promise<ContainerState>;

  /** Takes over a container after a restart of the daemon: verifies the record, clears what is left of a dead one. */
  attach(nodeId: string): Promise<ContainerState>;

  /** How a container came to its end that nobody stopped; `undefined`: it runs, was stopped, or the machine was started again since. */
  ended(nodeId: string): Promise<ContainerEnd | undefined>;

  /** What the container uses, and whether the kernel killed processes in it for memory; `undefined` when not running. */
  usage(nodeId: string): Promise<ResourceUsage | undefined>;

  /** Kills what runs and removes every trace (record, bundle, cgroups). An unknown node is success. */
  delete(nodeId: string, options?: CallOptions): Promise<void>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface StartOptions extends CallOptions {
  /** Waited for before the container joins its network. */
  readonly network?: Promise<void>;
}

export type RuntimeProbe =
  | { readonly usable: true; readonly program: string; readonly version: string }
  | { readonly usable: false; readonly code: string; readonly reason: string; readonly fix: string };

type ContainerState =
  | { readonly kind: "absent" }
  | { readonly kind: "stopped" }
  | { readonly kind: "running"; readonly init: ProcessIdentity };

export interface ContainerSpec {
  /** Lower-case hyphenated UUID, or any name of [a-z0-9-] up to 64 characters. */
  readonly nodeId: string;
  /** What to run it with; without it, what the host has chosen. */
  readonly runtime?: ContainerRuntime["kind"];
  /** The merged root file system on the host, mounted by `NodeRootfs`. */
  readonly rootfs: string;
  /**
   * First of the 65536 ids of the machine that are the container's 0 and up, in a user namespace of its own; the files of `rootfs` belong to
   * them already. Without it root of the container is the machine's.
   */
  readonly idBase?: number;
  /** Root of the container is root of the machine, with its capabilities and devices and without a seccomp profile. */
  readonly privileged?: boolean;
  /** argv of init, resolved in the container; first word absolute. */
  readonly init: readonly string[];
  /** Environment of init; `exec` brings its own. Nothing of the daemon's environment leaks in. */
  readonly env: Readonly<Record<string, string>>;
  /** The node's name; `_` becomes `-` and what no host name can hold is dropped (`hostNameOf`). */
  readonly hostname: string;
  readonly network: { readonly kind: "host" } | { readonly kind: "namespace"; readonly path: string };
  readonly mounts: readonly BindMount[];
  readonly ramdisks: readonly Ramdisk[];
  readonly limits: ResourceLimits;
  /** File that init's stdout and stderr are appended to. */
  readonly logPath: string;
}

interface BindMount {
  readonly source: string;
  /** Absolute path in the container; created in the rootfs where missing, never through a link that leaves it. */
  readonly destination: string;
  readonly readOnly: boolean;
}

/** A tmpfs; sizes in decimal megabytes. */
interface Ramdisk {
  readonly mountPoint: string;
  readonly sizeMb: number;
}

export interface ExecSpec {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** File on the host that stdout and stderr are appended to; without it they are dropped. */
  readonly logPath?: string;
}

export interface InteractiveSpec {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Size of the terminal it has, its own and that of its session (crun: a moment after it has begun; 0 until then). Without it: three pipes. */
  readonly terminal?: TerminalSize;
}

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}
