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
 * Takes over a changed configuration (spec host-daemon §4.9). Changed properties make `init` run again: at once on a running node, at the
 * next start on a stopped one (DB-4.7).
 */
export async function updateNode(actor: NodeActor, update: NodeUpdate, asker: Asker): Promise<void> {
  const { state } = actor.snapshot();
  if (state.expected_status === "Failed") throw new HostError("failed", "can't update node in Failed state");
  const properties = { ...state.properties, ...propertiesOf(update.newValues) };
  const changed = !isDeepStrictEqual(properties, state.properties);
  const firewall = update.newFirewall === undefined ? state.firewall : firewallOf(update.newFirewall);
  checkFirewall(firewall);
  if (changed && actor.snapshot().status === "Running")
    await refuseBlockingJobs(actor.parts, new AbortController().signal);
  await actor.operate({
    kind: "update",
    change: (current) => ({
      image: { ...current.image, config_id: update.configId },
      org_id: update.newOrgId ?? current.org_id,
      org_name: update.newOrgName ?? current.org_name,
      display_name: update.newDisplayName ?? current.display_name,
      firewall,
      properties,
      ...(changed ? { initialized: false, reconfigure: true } : {}),
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
    change: () => {
      if (nodes.actors().some((other) => other !== actor && other.snapshot().state.name === name)) {
        throw new HostError("conflict", `node with name \`${name}\` exists`);
      }
      return { name, dns_name: dnsName };
    },
    ...asker,
  });
}
