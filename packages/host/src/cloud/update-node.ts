import { isDeepStrictEqual } from "node:util";
import type { NodeRename, NodeUpdate } from "@blockvisor/wire/blockjoy/v1/command";
import { HostError } from "../errors/host-error.ts";
import { checkFirewall } from "../firewall/index.ts";
import type { NodeActor } from "../node/node-actor.ts";
import type { NodeTable } from "../node/node-table.ts";
import { refuseBlockingJobs } from "../node/steps-upgrade.ts";
import { firewallOf, propertiesOf } from "./convert-node.ts";

interface Asker {
  readonly commandId: string;
}

/**
 * Takes over a changed configuration (spec host-daemon §4.9). With changed properties the services that they concern are started anew on a
 * running node, or when a stopped one is started, and what else runs goes on; `init` runs again where only it can tell what they mean (DB-4.7, C17).
 */
export async function updateNode(actor: NodeActor, update: NodeUpdate, asker: Asker): Promise<void> {
  const { state } = actor.snapshot();
  if (state.expected_status === "Failed") throw new HostError("failed", "can't update node in Failed state");
  const properties = { ...state.properties, ...propertiesOf(update.newValues) };
  const changed = !isDeepStrictEqual(properties, state.properties);
  const firewall = update.newFirewall === undefined ? state.firewall : firewallOf(update.newFirewall);
  checkFirewall(firewall);
  const isUp = actor.snapshot().status === "Running";
  if (changed && isUp) await refuseBlockingJobs(actor.parts, new AbortController().signal);
  await actor.operate({
    kind: "update",
    change: (current) => ({
      image: { ...current.image, config_id: update.configId },
      org_id: update.newOrgId ?? current.org_id,
      org_name: update.newOrgName ?? current.org_name,
      display_name: update.newDisplayName ?? current.display_name,
      firewall,
      properties,
      ...(changed ? { services_dirty: true, reconfigure: true } : {}),
    }),
    forget: { firewall: "unknown" },
    ...asker,
  });
}

/** Name and DNS name only; the API restarts the node afterwards. */
export async function renameNode(nodes: NodeTable, actor: NodeActor, rename: NodeRename, asker: Asker): Promise<void> {
  const { newNodeName: name, newDnsName: dnsName } = rename;
  await actor.operate({
    kind: "update",
    change: (current) => {
      if (nodes.actors().some((other) => other !== actor && other.snapshot().state.name === name)) {
        throw new HostError("conflict", `node with name \`${name}\` exists`);
      }
      // Scripts may have written the name into the config; babel and the jobs that start from now on have it in their environment.
      const told = current.name === name ? {} : { reconfigure: true, config_dirty: true };
      return { name, dns_name: dnsName, ...told };
    },
    ...asker,
  });
}
