import { reportOf } from "../errors/host-error.ts";
import type { NodeHost } from "../node/node-host.ts";
import type { NodeTable } from "../node/node-table.ts";

/** Loads the rules of nodes again when something else has flushed them. One process a period, however many nodes. */
export function watchFirewalls(host: NodeHost, nodes: NodeTable, periodMs: number): { stop(): void } {
  const look = async (): Promise<void> => {
    for (const id of await host.firewall.lost()) {
      const actor = nodes.get(id);
      if (!actor?.idle || actor.snapshot().seen.container !== "running") continue;
      actor.parts.log.warn("its firewall rules were removed by something else; loading them again");
      actor.parts.firewallApplied = false;
      await actor.check(true);
    }
  };
  const timer = setInterval(() => {
    void look().catch((error: unknown) => host.log.error(`firewalls cannot be looked at: ${reportOf(error).message}`));
  }, periodMs).unref();
  return { stop: () => clearInterval(timer) };
}
