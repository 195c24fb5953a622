import type { NodeState } from "./node-state.ts";
import type { Observed } from "./observed.ts";

export type NodeStatus = "Running" | "Stopped" | "Busy" | "Failed";

/** Spec host-daemon §4.1. `busy` is presentation: an operation holds the node. */
export function statusOf(state: NodeState, seen: Observed, busy: boolean): NodeStatus {
  if (busy || state.paused) return "Busy";
  switch (state.expected_status) {
    case "Running":
      return seen.container === "running" && seen.agent === "ready" && state.initialized ? "Running" : "Failed";
    case "Stopped":
      return seen.container === "off" ? "Stopped" : "Failed";
    case "Failed":
      return "Failed";
    case "Deleted":
      return "Busy";
  }
}
