import { NodeMessageSchema } from "@blockvisor/wire/blockjoy/v1/event";
import type { ResourceRef } from "../auth/caller.ts";
import { topics } from "../broker/broker.ts";
import type { Database } from "../database/open-database.ts";
import { publish } from "../outbox/outbox.ts";
import { createdBy, resourceMessage } from "../resource.ts";
import { nodeMessages, publicView } from "./node-message.ts";

export type NodeLogEvent =
  | "create_started"
  | "create_succeeded"
  | "create_failed"
  | "create_cancelled"
  | "config_updated"
  | "upgrade_started"
  | "upgrade_succeeded"
  | "upgrade_failed"
  | "org_transferred";

const longestReport = 16 * 1024;
const keptReports = 100;

/** Tells consoles what became of a node; passwords stay out of it. */
export async function publishNode(
  tx: Database,
  kind: "created" | "updated",
  nodeId: string,
  by: ResourceRef,
): Promise<void> {
  const [node] = await nodeMessages(tx, [nodeId], publicView);
  if (node === undefined) return;
  const actor = resourceMessage(by);
  await publish(tx, topics.node(node.hostId, node.orgId, nodeId), NodeMessageSchema, {
    message:
      kind === "created"
        ? { case: "created", value: { node, createdBy: actor } }
        : { case: "updated", value: { node, updatedBy: actor } },
  });
}

export async function publishNodeDeleted(
  tx: Database,
  node: { readonly id: string; readonly host_id: string; readonly org_id: string },
  by: ResourceRef,
): Promise<void> {
  await publish(tx, topics.node(node.host_id, node.org_id, node.id), NodeMessageSchema, {
    message: {
      case: "deleted",
      value: { nodeId: node.id, hostId: node.host_id, orgId: node.org_id, deletedBy: resourceMessage(by) },
    },
  });
}

/** The node's internal history. */
export async function logNode(
  tx: Database,
  node: { readonly id: string; readonly host_id: string },
  event: NodeLogEvent,
  by: ResourceRef,
  data?: Readonly<Record<string, string>>,
): Promise<void> {
  await tx
    .insertInto("node_logs")
    .values({
      node_id: node.id,
      host_id: node.host_id,
      event,
      event_data: data === undefined ? null : JSON.stringify(data),
      ...createdBy(by),
    })
    .execute();
}

/** A message for the people who look at the node; the newest hundred are kept (CA-2.53). @returns its id */
export async function reportOnNode(tx: Database, nodeId: string, message: string, by: ResourceRef): Promise<string> {
  const { id } = await tx
    .insertInto("node_reports")
    .values({ node_id: nodeId, message: message.slice(0, longestReport), ...createdBy(by) })
    .returning("id")
    .executeTakeFirstOrThrow();
  await tx
    .deleteFrom("node_reports")
    .where("node_id", "=", nodeId)
    .where("id", "not in", (newest) =>
      newest
        .selectFrom("node_reports")
        .select("id")
        .where("node_id", "=", nodeId)
        .orderBy("created_at", "desc")
        .orderBy("id")
        .limit(keptReports),
    )
    .execute();
  return id;
}
