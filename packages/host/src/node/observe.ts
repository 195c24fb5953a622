import { existsSync, lstatSync } from "node:fs";
import { GetVersionResponse_State as AgentState } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { isAlive } from "../runtime/index.ts";
import { dataOf, homeOf } from "./data-place.ts";
import { isDirectory } from "./node-data.ts";
import { type NodeParts, usesHostNetwork } from "./node-host.ts";
import type { NodeState } from "./node-state.ts";
import type { Observed } from "./observed.ts";

/** Looks at everything of a node. Starts no process and changes nothing. `before`: what was seen last, of a node that nothing was done with since. */
export async function observe(node: NodeParts, state: NodeState, before?: Observed): Promise<Observed> {
  const { host, paths } = node;
  const there = await host.runtime.state(state.id);
  node.init = there.kind === "running" ? there.init : undefined;
  const hostNetwork = usesHostNetwork(host, state);
  const [directory, rootfs, network, agent] = await Promise.all([
    isPrepared(node),
    host.rootfs.mounted(paths.directory),
    hostNetwork ? undefined : host.network.inspect(state.id),
    there.kind === "running" ? observeAgent(node, there.init.pid, before?.agent) : ("off" as const),
  ]);
  // One that died while its babel was asked took that with it.
  const lives = there.kind === "running" && (agent !== "off" || isAlive(there.init));
  const container = lives ? "running" : "off";
  return {
    directory,
    rootfs,
    plugin: node.pluginOf,
    engine: node.engineServer === undefined ? "closed" : "served",
    network:
      network !== undefined || (hostNetwork && (node.hostNetworkUp || container === "running")) ? "present" : "absent",
    firewall: node.firewallApplied ? "applied" : "unknown",
    container,
    agent,
  };
}

/** What is in the daemon's own folder is looked at on the spot; data may lie on a disk that does not answer. */
async function isPrepared({ host, paths, state }: NodeParts): Promise<boolean> {
  if (!isThere(paths.link, "link") || !isThere(paths.run, "directory")) return false;
  if (!host.spaces.isReady(paths.directory, state().space.kind)) return false;
  const data = dataOf(paths, state());
  return data === homeOf(paths, state()) ? isThere(data, "directory") : isDirectory(data);
}

function isThere(path: string, kind: "link" | "directory"): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return (kind === "link" ? stat?.isSymbolicLink() : stat?.isDirectory()) ?? false;
}

/** Asks babel itself: a process that exists but does not answer is no agent, and one of another build than ours is to be replaced. */
async function observeAgent(
  node: NodeParts,
  initPid: number,
  before: Observed["agent"] | undefined,
): Promise<Observed["agent"]> {
  if (node.agent?.process && !isAlive(node.agent.process)) return "off";
  if (isOutdated(node, initPid)) return "off";
  // A machine under load answers slowly; taking a slow babel for a dead one would make it worse.
  const timeoutMs = node.host.config.recovery.agentTimeoutMs;
  // The same process as before stays ready by itself.
  if (before === "ready" && node.agent?.process && (await node.link.isAnswering(timeoutMs))) return "ready";
  try {
    const { state } = await node.link.call("get_version", (options) => node.link.babel.getVersion({}, options), {
      timeoutMs,
    });
    return agentStateOf(state);
  } catch {
    return "off";
  }
}

/**
 * Jobs go on while babel and its Node are replaced. Ours must be there to be started: a node that has the directory of another
 * installation mounted keeps its babel until it is restarted.
 */
function isOutdated({ agent, host }: NodeParts, initPid: number): boolean {
  if (agent === undefined || agent.version === host.agent.version) return false;
  return existsSync(`/proc/${initPid}/root${host.agent.command[0]}`);
}

export function agentStateOf(state: AgentState): "unconfigured" | "ready" | "shutting_down" {
  switch (state) {
    case AgentState.READY:
      return "ready";
    case AgentState.SHUTDOWN:
      return "shutting_down";
    default:
      return "unconfigured";
  }
}

/** The cheap part, asked every few seconds: whether the processes that should be there still are. */
export function isAlright(node: NodeParts, state: NodeState): boolean {
  const { init, agent } = node;
  const running = init !== undefined && isAlive(init);
  if (state.expected_status !== "Running") return !running;
  return running && agent?.process !== null && agent?.process !== undefined && isAlive(agent.process);
}
