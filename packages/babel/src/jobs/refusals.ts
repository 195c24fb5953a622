import { type Failure, internal, refused } from "../failure.ts";
import type { ProcessIdentity } from "../process/identity.ts";

export const jobActive = (doing: string, name: string): Failure =>
  refused("job-active", `can't ${doing} active job '${name}'`, "Stop it first.");

export const notOneTime = (name: string): Failure =>
  refused("job-not-one-time", `can't reset job '${name}': it is no one-time job`, "Just start it; it may run again.");

export const notEnded = (name: string, left: readonly ProcessIdentity[]): Failure =>
  internal(
    "job-stop-timeout",
    `Failed to terminate job '${name}' (pid ${left.map(({ pid }) => pid).join(", ")}), timeout expired!`,
    "The process ignores SIGKILL, so it waits for a disk or a device. See `cat /proc/PID/stack` in the node.",
  );
