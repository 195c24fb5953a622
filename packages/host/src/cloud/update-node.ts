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
 * Another organisation, which scripts can ask for, is as an edit of them.
 */
export async function updateNode(actor: NodeActor, update: NodeUpdate, asker: Asker): Promise<void> {
  const { state } = actor.snapshot();
  if (state.expected_status === "Failed") throw new HostError("failed", "can't update node in Failed state");
  const properties = { ...state.properties, ...propertiesOf(update.newValues) };
  const changed = !isDeepStrictEqual(properties, state.properties);
  const isTransferred = update.newOrgId !== undefined && update.newOrgId !== state.org_id;
  const firewall = update.newFirewall === undefined ? state.firewall : firewallOf(update.newFirewall);
  checkFirewall(firewall);
  if (changed) await refuseWhileBlocked(actor);
  await actor.operate({
    kind: "update",
    change: (current) => ({
      image: { ...current.image, config_id: update.configId },
      org_id: update.newOrgId ?? current.org_id,
      org_name: update.newOrgName ?? current.org_name,
      display_name: update.newDisplayName ?? current.display_name,
      firewall,
      properties,
      ...(isTransferred ? { config_dirty: true, reconfigure: true } : {}),
      ...(changed ? { services_dirty: true, reconfigure: true } : {}),
    }),
    forget: { firewall: "unknown" },
    ...asker,
  });
}

/**
 * Name and DNS name only. Scripts write the name into files and commands, and every job has it in its environment: services are started anew
 * with it as with changed parameters (spec plugin-api §4 Do better, babel-agent D1-12).
 */
export async function renameNode(nodes: NodeTable, actor: NodeActor, rename: NodeRename, asker: Asker): Promise<void> {
  const { newNodeName: name, newDnsName: dnsName } = rename;
  if (actor.snapshot().state.name !== name) await refuseWhileBlocked(actor);
  await actor.operate({
    kind: "update",
    change: (current) => {
      if (nodes.actors().some((other) => other !== actor && other.snapshot().state.name === name)) {
        throw new HostError("conflict", `node with name \`${name}\` exists`);
      }
      const told = current.name === name ? {} : { reconfigure: true, services_dirty: true, config_dirty: true };
      return { name, dns_name: dnsName, ...told };
    },
    ...asker,
  });
}

/** Services that an upload stopped, or that a download keeps waiting, must not be started under it. */
async function refuseWhileBlocked(actor: NodeActor): Promise<void> {
  if (actor.snapshot().status === "Running") await refuseBlockingJobs(actor.parts, new AbortController().signal);
}
