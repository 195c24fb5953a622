import type {
  ContainerRuntime,
  ContainerSpec,
  ExecSpec,
  InteractiveSpec,
  RuntimeProbe,
  StartOptions,
} from "./container-runtime.ts";
import type { InteractiveLaunch } from "./interactive-process.ts";

/**
 * The part of a runtime adapter that differs: how a container's first process, and further ones, are started with the tool at hand.
 * Everything else (records, identities, stopping, limits, leftovers) is the same for all: `createContainerRuntime`.
 */
export interface ContainerDriver {
  readonly kind: ContainerRuntime["kind"];

  probe(): Promise<RuntimeProbe>;

  withoutUserNamespaces(): Promise<string | undefined>;

  /** Starts the container in its cgroup, which exists, and returns the host's pid of its first process. */
  run(spec: ContainerSpec, call: DriverCall & StartOptions & { readonly lock: number }): Promise<number>;

  /** Starts a process in the running container and returns the host's pid of it; 0 when it ended already. */
  exec(spec: ContainerSpec, command: ExecSpec, call: DriverCall): Promise<number>;

  /** Prepares what `startInteractive` runs; the container runs. */
  interactive(spec: ContainerSpec, command: InteractiveSpec): Promise<InteractiveLaunch>;

  /** Removes the driver's own files of a container whose processes are dead. */
  forget(nodeId: string): Promise<void>;
}

interface DriverCall {
  /** Descriptor for stdout and stderr of what is started. */
  readonly log: number;
  readonly signal?: AbortSignal;
}
