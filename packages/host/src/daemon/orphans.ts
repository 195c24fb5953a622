import type { NodeHost } from "../node/node-host.ts";
import type { NodeTable } from "../node/node-table.ts";

/** Networks and firewall rules of nodes that do not exist any more, left by a crash in the middle of a deletion (spec host-daemon C5, C18). */
export async function removeOrphans(host: NodeHost, nodes: NodeTable): Promise<void> {
  const known = new Set([...nodes.actors().map(({ id }) => id), ...nodes.broken().map(({ id }) => id)]);
  const [networks, rules] = await Promise.all([host.network.list(), host.firewall.list()]);
  for (const id of networks) {
    if (known.has(id)) continue;
    host.log.warn({ node: id }, "removing the network of a node that does not exist");
    await host.network.tearDown(id);
  }
  for (const id of rules) {
    if (known.has(id)) continue;
    host.log.warn({ node: id }, "removing firewall rules of a node that does not exist");
    await host.firewall.remove(id);
  }
}
