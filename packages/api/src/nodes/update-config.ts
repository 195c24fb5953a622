import { NodeConfigSchema } from "@blockvisor/wire/blockjoy/common/v1/config";
import { NodeUpdateSchema } from "@blockvisor/wire/blockjoy/v1/command";
import type { NodeServiceUpdateConfigRequest } from "@blockvisor/wire/blockjoy/v1/node";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Selectable } from "kysely";
import type { ResourceRef } from "../auth/caller.ts";
import { addCommand } from "../commands/add-command.ts";
import { storedCost } from "../cost.ts";
import type { Database } from "../database/open-database.ts";
import type { Schema } from "../database/schema.ts";
import { updatedTags } from "../hosts/tags.ts";
import { checkedFirewall } from "../images/firewall.ts";
import { loadImage } from "../images/image-model.ts";
import { updatedConfig } from "../images/node-config.ts";
import { existingOrg } from "../orgs/org-message.ts";
import { createdBy } from "../resource.ts";
import { failedPrecondition } from "../rpc-error.ts";
import { text, uuid } from "../wire-fields.ts";
import { logNode, publishNode, publishNodeDeleted } from "./node-events.ts";
import { undoOf } from "./upgrade-node.ts";

/** Changes a locked node (spec §5.5). The host is always told, with the configuration as it is after the change. */
export async function updateConfig(
  tx: Database,
  node: Selectable<Schema["nodes"]>,
  request: NodeServiceUpdateConfigRequest,
  by: ResourceRef,
): Promise<void> {
  const config = await newConfigRow(tx, node, request, by);
  const newOrg = request.newOrgId === undefined ? undefined : await transferTarget(tx, node, request.newOrgId);
  await tx
    .updateTable("nodes")
    .set({
      updated_at: new Date(),
      ...(config === undefined ? {} : { config_id: config.id }),
      ...(newOrg === undefined ? {} : { org_id: newOrg.id }),
      ...(request.autoUpgrade === undefined ? {} : { auto_upgrade: request.autoUpgrade }),
      ...(request.newDisplayName === undefined
        ? {}
        : { display_name: text(request.newDisplayName.trim(), "new_display_name", { min: 1, max: 128 }) }),
      ...(request.newNote === undefined ? {} : { note: text(request.newNote, "new_note", { max: 16 * 1024 }) }),
      ...(request.updateTags === undefined ? {} : { tags: JSON.stringify(updatedTags(node.tags, request.updateTags)) }),
      ...(request.cost === undefined ? {} : { cost: storedCost(request.cost) }),
    })
    .where("id", "=", node.id)
    .execute();
  const payload = create(NodeUpdateSchema, {
    nodeId: node.id,
    configId: config?.id ?? node.config_id,
    ...(request.autoUpgrade === undefined ? {} : { autoUpgrade: request.autoUpgrade }),
    ...(newOrg === undefined ? {} : { newOrgId: newOrg.id, newOrgName: newOrg.name }),
    ...(request.newDisplayName === undefined ? {} : { newDisplayName: request.newDisplayName.trim() }),
    ...(request.newNote === undefined ? {} : { newNote: request.newNote }),
    ...(config === undefined || request.newValues.length === 0 ? {} : { newValues: config.config.image?.values ?? [] }),
    ...(request.newFirewall === undefined ? {} : { newFirewall: request.newFirewall }),
  });
  await addCommand(tx, {
    hostId: node.host_id,
    nodeId: node.id,
    type: "node_update",
    payload: toBinary(NodeUpdateSchema, payload),
    ...(config === undefined ? {} : { undo: { ...undoOf(node), toConfigId: config.id } }),
  });
  if (config !== undefined) await logNode(tx, node, "config_updated", by);
  if (newOrg === undefined) {
    await publishNode(tx, "updated", node.id, by);
    return;
  }
  // To the old org the node is gone, to the new one it is new (CA-2.54).
  await logNode(tx, node, "org_transferred", by, { old: node.org_id, new: newOrg.id });
  await publishNodeDeleted(tx, node, by);
  await publishNode(tx, "created", node.id, by);
}

async function newConfigRow(
  tx: Database,
  node: Selectable<Schema["nodes"]>,
  request: NodeServiceUpdateConfigRequest,
  by: ResourceRef,
) {
  if (request.newValues.length === 0 && request.newFirewall === undefined) return undefined;
  const before = await tx
    .selectFrom("configs")
    .select(["config", "archive_id"])
    .where("id", "=", node.config_id)
    .executeTakeFirstOrThrow();
  const config = updatedConfig(
    await loadImage(tx, node.image_id),
    fromBinary(NodeConfigSchema, before.config),
    request.newValues,
    request.newFirewall === undefined ? undefined : checkedFirewall(request.newFirewall, "new_firewall"),
  );
  const { id } = await tx
    .insertInto("configs")
    .values({
      image_id: node.image_id,
      archive_id: before.archive_id,
      config: toBinary(NodeConfigSchema, config),
      ...createdBy(by),
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  return { id, config };
}

async function transferTarget(tx: Database, node: Selectable<Schema["nodes"]>, newOrgId: string) {
  const org = await existingOrg(tx, uuid(newOrgId, "new_org_id"));
  if (org.id === node.org_id) throw new ConnectError("new_org_id", Code.AlreadyExists);
  const host = await tx.selectFrom("hosts").select("org_id").where("id", "=", node.host_id).executeTakeFirstOrThrow();
  if (host.org_id !== null && host.org_id !== org.id) {
    throw failedPrecondition("new_org_id: the node runs on a private host of its present org");
  }
  return org;
}
