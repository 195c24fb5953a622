import { type ContainerEnd, endText } from "../runtime/index.ts";
import type { NodeState } from "./node-state.ts";
import type { Observed } from "./observed.ts";

/** In words, what about a node is not as it should be: why it is recovered. `end`: how its container came to its end, if it did. */
export function describeFault(state: NodeState, seen: Observed, end: ContainerEnd | undefined): string {
  const { image, expected_status: expected } = state;
  if (!seen.directory) return "the node's directory is not complete";
  if (seen.rootfs !== image.rootfs) {
    return seen.rootfs === undefined ? "the root file system is not mounted" : "another root file system is mounted";
  }
  if (expected === "Stopped" && seen.container === "running") return "the container runs although the node is stopped";
  if (expected === "Running") {
    if (seen.container === "off") return ["the container does not run", (end && endText(end)) ?? []].flat().join(": ");
    if (seen.network === "absent") return "the network is gone";
    if (seen.firewall === "unknown") return "firewall rules are not loaded";
    if (seen.agent === "off") return "babel does not answer";
    if (seen.agent !== "ready") return "babel is not configured";
    if (!state.initialized) return "init has not completed";
  }
  return "the node is not what it should be";
}
