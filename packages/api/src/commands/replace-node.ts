import type { Selectable } from "kysely";
import type { ResourceRef } from "../auth/caller.ts";
import type { Database } from "../database/open-database.ts";
import type { Schema } from "../database/schema.ts";
import { freeAddress, lockHost, releaseAddress, requireRoom } from "../hosts/capacity.ts";
import { candidateHosts } from "../hosts/placement.ts";
import { logNode, publishNode, reportOnNode } from "../nodes/node-events.ts";
import type { Platform } from "../platform.ts";
import { addCommand, dropUnseen } from "./add-command.ts";

const mostAttempts = 4;

/** The image is broken, not the host: no other host will do better (spec §3.5). */
const hopeless = ["rhai syntax error", "syntax error", "invalid character", "parse error", "compilation error"];

/**
 * A node could not be created where it was placed (spec §3.5, CA-3.6): it moves to the next best host that was not tried yet,
 * under the wishes it was launched with. A host that was chosen by name stays the only one.
 */
export async function replaceNode(
  platform: Platform,
  tx: Database,
  node: Selectable<Schema["nodes"]>,
  reason: string,
  by: ResourceRef,
): Promise<void> {
  await logNode(tx, node, "create_failed", by, { reason: reason.slice(0, 1000) });
  await reportOnNode(tx, node.id, `create failed: ${reason}`, by);
  const tried = [...new Set([...node.tried_host_ids, node.host_id])];
  const next = node.next_state === "deleting" ? undefined : await nextHost(tx, node, reason, tried);
  if (next === undefined) {
    await logNode(tx, node, "create_cancelled", by);
    await tx
      .updateTable("nodes")
      .set({ node_state: "failed", updated_at: new Date() })
      .where("id", "=", node.id)
      .execute();
    await publishNode(tx, "updated", node.id, by);
    return;
  }
  const host = await lockHost(tx, next);
  await requireRoom(tx, host, { cpuCores: node.cpu_cores, memoryBytes: node.memory_bytes, diskBytes: node.disk_bytes });
  await tx
    .updateTable("nodes")
    .set({
      host_id: host.id,
      ip_address: await freeAddress(tx, host),
      ip_gateway: host.ip_gateway,
      create_attempts: node.create_attempts + 1,
      tried_host_ids: JSON.stringify(tried),
      updated_at: new Date(),
    })
    .where("id", "=", node.id)
    .execute();
  await releaseAddress(tx, node.ip_address);
  // Whatever the failed attempt left behind goes. An order to stop lives on in the node's next state.
  await dropUnseen(tx, node.id);
  await addCommand(tx, { hostId: node.host_id, nodeId: node.id, type: "node_delete" });
  await logNode(tx, { id: node.id, host_id: host.id }, "create_started", by);
  await addCommand(tx, { hostId: host.id, nodeId: node.id, type: "node_create" });
  await publishNode(tx, "updated", node.id, by);
  platform.log.info({ node: node.id, from: node.host_id, to: host.id }, "node is created on another host");
}

async function nextHost(
  tx: Database,
  node: Selectable<Schema["nodes"]>,
  reason: string,
  tried: readonly string[],
): Promise<string | undefined> {
  const text = reason.toLowerCase();
  if (hopeless.some((sign) => text.includes(sign))) return undefined;
  if (node.create_attempts >= mostAttempts || node.scheduler?.kind !== "region") return undefined;
  const protocol = await tx
    .selectFrom("protocols")
    .select(["id", "key"])
    .where("id", "=", node.protocol_id)
    .executeTakeFirstOrThrow();
  const [best] = await candidateHosts(tx, {
    orgId: node.org_id,
    regionId: node.scheduler.regionId,
    protocol,
    need: { cpuCores: node.cpu_cores, memoryBytes: node.memory_bytes, diskBytes: node.disk_bytes },
    resource: node.scheduler.resource,
    similarity: node.scheduler.similarity,
    not: tried,
  });
  return best?.id;
}
