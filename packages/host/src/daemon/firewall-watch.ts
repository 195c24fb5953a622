import { reportOf } from "../errors/host-error.ts";
import { hostBridge, presentTables } from "../network/index.ts";
import type { NodeHost } from "../node/node-host.ts";
import type { NodeTable } from "../node/node-table.ts";

/**
 * Loads again what something else has flushed: rules of nodes, ports that lead to them, and the bridge's way out (DB-6.1). Without nodes
 * it starts no process, else as many as ever, however many nodes.
 */
export function watchFirewalls(host: NodeHost, nodes: NodeTable, periodMs: () => number): { stop(): void } {
  const look = async (): Promise<void> => {
    if ((await host.firewall.list()).length === 0) return;
    const present = await presentTables();
    for (const what of await host.network.restore(hostBridge(host.config), present)) {
      host.log.warn(`${what}: removed by something else, and made again`);
    }
    for (const id of await host.firewall.lost(present)) {
      const actor = nodes.get(id);
      if (!actor?.idle || actor.snapshot().seen.container !== "running") continue;
      actor.parts.log.warn("its firewall rules were removed by something else; loading them again");
      actor.parts.firewallApplied = false;
      await actor.check(true);
    }
  };
  let timer: NodeJS.Timeout | undefined;
  const later = (): void => {
    timer = setTimeout(() => {
      later();
      void look().catch((error: unknown) =>
        host.log.error(`firewalls cannot be looked at: ${reportOf(error).message}`),
      );
    }, periodMs()).unref();
  };
  later();
  return { stop: () => clearTimeout(timer) };
}
