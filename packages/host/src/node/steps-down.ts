import { isRemembered } from "../agent/told-jobs.ts";
import { HostError } from "../errors/host-error.ts";
import { type NodeParts, usesHostNetwork } from "./node-host.ts";
import type { ExecutorTable, StepContext } from "./outcome.ts";

const second = 1000;

/** Steps that take a node down. */
export const downSteps = {
  stop_jobs: async (node, { force }, { state, signal, progress }) => {
    node.tasks.disarm();
    const { babel, call } = node.link;
    // By force, or when the node is deleted with its data, jobs still end in order, but only for a moment (spec host-daemon §4.4, DB-4.16).
    const timeoutMs = force ? node.host.config.limits.forcedStopMs : await shutdownMs(node, signal);
    const remaining = tellRemaining(node, progress, signal);
    await node.host.spaces.giveRoom(node.paths.directory, state.space);
    try {
      await call("shutdown_babel", (options) => babel.shutdown({ force }, options), { timeoutMs, signal });
    } catch (error) {
      const names = [...remaining.names].join(", ");
      throw new HostError(
        "failed",
        `Failed to gracefully shutdown babel and background jobs: ${(error as Error).message}${names && ` (still running: ${names})`}`,
        {
          hint: `look at ${names ? `\`bv node job info\` of ${names}` : "`bv node job list`"}, or stop the node with --force`,
          cause: error,
        },
      );
    } finally {
      remaining.stop();
    }
    return { seen: { agent: "shut_down" } };
  },

  stop_container: async (node, { force }, { state }) => {
    const { runtime, spaces } = node.host;
    await (force ? runtime.kill(state.id) : runtime.stop(state.id, { timeoutMs: 60 * second }));
    await spaces.keepRoom(node.paths.directory, state.space);
    return { seen: { container: "off", agent: "off" }, state: { started_at: null } };
  },

  close_engine: async (node) => {
    await node.engineServer?.close();
    node.engineServer = undefined;
    return { seen: { engine: "closed" } };
  },

  tear_down_network: async (node, _, { state }) => {
    const { host } = node;
    await node.connecting?.catch(() => {});
    node.connecting = undefined;
    node.connect = undefined;
    await host.firewall.remove(state.id);
    node.firewallApplied = false;
    if (usesHostNetwork(host, state)) node.hostNetworkUp = false;
    else await host.network.tearDown(state.id, { comesBack: state.expected_status !== "Deleted" });
    return { seen: { network: "absent", firewall: "unknown" } };
  },

  turn_around: async () => ({ state: { restarting: false, force: false } }),
} satisfies Partial<ExecutorTable>;

async function shutdownMs({ link }: NodeParts, signal: AbortSignal): Promise<number> {
  const ask = "get_babel_shutdown_timeout";
  const { timeout } = await link.call(ask, (options) => link.babel.getShutdownTimeout({}, options), { signal });
  return Number(timeout?.seconds ?? 0n) * second + 15 * second;
}

/** Says which jobs the node still waits for, whenever they become fewer; `names` is kept up to date. */
function tellRemaining(
  { link }: NodeParts,
  progress: StepContext["progress"],
  signal: AbortSignal,
): { readonly names: ReadonlySet<string>; stop(): void } {
  const names = new Set<string>();
  const end = new AbortController();
  const watch = async (): Promise<void> => {
    const options = { signal: AbortSignal.any([signal, end.signal]) };
    for await (const { changed, deleted } of link.jobs.watchJobs({}, options)) {
      const before = names.size;
      for (const { name, status } of changed) {
        if (status?.status.case !== "running") names.delete(name);
        else if (isRemembered(names, name)) names.add(name);
      }
      for (const name of deleted) names.delete(name);
      if (names.size !== before && names.size > 0) progress(`waiting for ${[...names].join(", ")}`);
    }
  };
  // Told for people: without it the node stops all the same.
  watch().catch(() => {});
  return { names, stop: () => end.abort() };
}
