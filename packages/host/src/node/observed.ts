/**
 * What is really there of a node now. Looked at before an operation and after a failed step; in between each step tells what it changed.
 */
export interface Observed {
  /** `data/`, `run/`, the guide's link and the space that these are in exist. */
  readonly directory: boolean;
  /** Name of the root file system shown at `<node>/rootfs`; undefined = none is mounted. */
  readonly rootfs: string | undefined;
  /** Name of the root file system the loaded plugin came from; undefined = no plugin object. */
  readonly plugin: string | undefined;
  readonly engine: "closed" | "served";
  readonly network: "absent" | "present";
  /** Whether the state's rules are known to be in force. */
  readonly firewall: "unknown" | "applied";
  readonly container: "off" | "running";
  /**
   * `off`: no agent process answers; `unconfigured`: answers, but has not been given its configuration in this run of the container;
   * `shutting_down`: was told to stop its jobs, which may not be over (babel itself does not say); `shut_down`: they were stopped on request;
   * `lost`: could not be brought back, so stopping goes on without it.
   */
  readonly agent: "off" | "unconfigured" | "ready" | "shutting_down" | "shut_down" | "lost";
}

/** A node of which nothing but its state file exists. */
export const nothing: Observed = {
  directory: false,
  rootfs: undefined,
  plugin: undefined,
  engine: "closed",
  network: "absent",
  firewall: "unknown",
  container: "off",
  agent: "off",
};
