import { HostError } from "../errors/host-error.ts";
import { usesHostNetwork } from "./node-host.ts";
import type { ExecutorTable } from "./outcome.ts";

const second = 1000;

/** Steps that take a node down. */
export const downSteps = {
  stop_jobs: async (node, { force }, { state, signal }) => {
    node.tasks.disarm();
    const { babel, call } = node.link;
    const { timeout } = await call("get_babel_shutdown_timeout", (options) => babel.getShutdownTimeout({}, options), {
      signal,
    });
    const asked = Number(timeout?.seconds ?? 0n) * second + 15 * second;
    // A deletion gives jobs a moment to end in order; their data goes away anyway (spec host-daemon DB-4.16).
    const timeoutMs = state.expected_status === "Deleted" ? Math.min(asked, 15 * second) : asked;
    try {
      await call("shutdown_babel", (options) => babel.shutdown({ force }, options), { timeoutMs, signal });
    } catch (error) {
      throw new HostError(
        "failed",
        `Failed to gracefully shutdown babel and background jobs: ${(error as Error).message}`,
        {
          hint: "look at `bv node job list` for the job that does not end, or stop the node with --force",
          cause: error,
        },
      );
    }
    return { seen: { agent: "shut_down" } };
  },

  stop_container: async (node, { force }, { state }) => {
    const { runtime } = node.host;
    await (force ? runtime.kill(state.id) : runtime.stop(state.id, { timeoutMs: 60 * second }));
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
    node.rules = undefined;
    await host.firewall.remove(state.id);
    node.firewallApplied = false;
    if (usesHostNetwork(host, state)) node.hostNetworkUp = false;
    else await host.network.tearDown(state.id);
    return { seen: { network: "absent", firewall: "unknown" } };
  },

  turn_around: async () => ({ state: { restarting: false, force: false } }),
} satisfies Partial<ExecutorTable>;
