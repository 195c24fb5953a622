import { readdir, readlink, rm } from "node:fs/promises";
import { join } from "node:path";
import type { NodeHost } from "../node/node-host.ts";
import type { NodeTable } from "../node/node-table.ts";
import { nodePaths } from "../place/paths.ts";
import { mountPointsBelow, unmountPoint } from "../rootfs/index.ts";

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What takes a node's things away. */
interface Removers {
  readonly runtime: Pick<NodeHost["runtime"], "delete">;
  readonly network: Pick<NodeHost["network"], "list" | "tearDown">;
  readonly firewall: Pick<NodeHost["firewall"], "list" | "remove">;
}

/**
 * What is left of nodes whose record is gone, by a crash or by hand: containers, networks, firewall rules, mounts and links (spec host-daemon
 * C5, C18). Looked for only where this installation keeps its own books, below its BV_ROOT: another one on the same machine is never touched.
 */
export async function removeOrphans(
  host: Pick<NodeHost, "paths" | "log"> & Removers,
  nodes: Pick<NodeTable, "get" | "broken">,
): Promise<void> {
  // Asked when everything was looked at: a node that was created meanwhile is none.
  const isKnown = (id: string): boolean => nodes.get(id) !== undefined || nodes.broken().some((node) => node.id === id);
  const { nodes: nodesDirectory, runDirectory, var: state } = host.paths;
  const mounts = await mountPointsBelow(nodesDirectory);
  const networks = await host.network.list();
  const firewalls = await host.firewall.list();
  const containers = (await Promise.all(["locks", "bundles"].map((name) => names(join(runDirectory, name))))).flat();
  const links = await danglingLinks(state, nodesDirectory);
  const mounted = mounts.map((path) => path.slice(nodesDirectory.length + 1).split("/")[0] ?? "");
  const traces = [
    ...networks,
    ...firewalls,
    ...containers.map((id) => id.replace(/^check-/, "")),
    ...links,
    ...mounted,
  ];
  for (const id of new Set(traces)) {
    if (isKnown(id) || !uuid.test(id)) continue;
    host.log.warn({ node: id }, "removing what is left of a node that does not exist");
    for (const container of new Set([id, ...containers.filter((name) => name === `check-${id}`)]))
      await host.runtime.delete(container);
    await host.network.tearDown(id);
    await host.firewall.remove(id);
    for (const path of mounts) if (path.startsWith(`${nodesDirectory}/${id}/`)) await unmountPoint(path);
    await rm(nodePaths(host.paths, id).link, { force: true });
  }
}

/** Ids of the guide's links that lead to no node. */
async function danglingLinks(state: string, nodesDirectory: string): Promise<readonly string[]> {
  const present = new Set(await names(nodesDirectory));
  const linked = await Promise.all(
    (await names(state)).map(async (name) => {
      const target = await readlink(join(state, name)).catch(() => undefined);
      return target === `nodes/${name}` && !present.has(name) ? [name] : [];
    }),
  );
  return linked.flat();
}

async function names(directory: string): Promise<readonly string[]> {
  return readdir(directory).catch(() => []);
}
