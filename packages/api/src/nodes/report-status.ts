import type { NodeServiceReportStatusRequest } from "@blockvisor/wire/blockjoy/v1/node";
import type { Selectable } from "kysely";
import type { ResourceRef } from "../auth/caller.ts";
import type { Database } from "../database/open-database.ts";
import type { Schema } from "../database/schema.ts";
import { failedPrecondition, invalidArgument } from "../rpc-error.ts";
import { text } from "../wire-fields.ts";
import { nameOf, nodeHealths, nodeStates } from "./node-enums.ts";
import { publishNode } from "./node-events.ts";

/** What a host says about a locked node (spec §2.9). A report about an older configuration is refused. */
export async function reportStatus(
  tx: Database,
  node: Selectable<Schema["nodes"]>,
  request: NodeServiceReportStatusRequest,
  by: ResourceRef,
): Promise<void> {
  if (request.configId !== node.config_id) throw failedPrecondition("config_id");
  const { status } = request;
  if (status?.next !== undefined) throw invalidArgument("status.next");
  const state = status === undefined ? undefined : nameOf(nodeStates, status.state, "state");
  const protocol =
    status?.protocol === undefined
      ? {}
      : {
          protocol_state: text(status.protocol.state, "protocol_state.state", { max: 128 }),
          protocol_health: nameOf(nodeHealths, status.protocol.health, "protocol_state.health"),
        };
  // Only the host's confirmation of the deletion ends it; until then it is what the node is doing (CA-2.62).
  const goes = node.node_state === "deleting";
  // A stop that the host reports done is no longer ahead.
  const arrived = state === "stopped" && node.next_state === "stopping" ? { next_state: null } : {};
  await tx
    .updateTable("nodes")
    .set({
      ...protocol,
      ...(state === undefined || goes ? {} : { node_state: state, ...arrived }),
      ...(request.p2pAddress === undefined
        ? {}
        : { p2p_address: text(request.p2pAddress, "p2p_address", { max: 1024 }) }),
      status_at: new Date(),
      updated_at: new Date(),
    })
    .where("id", "=", node.id)
    .execute();
  await publishNode(tx, "updated", node.id, by);
}
