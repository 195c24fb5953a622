import { NodeConfigSchema } from "@blockvisor/wire/blockjoy/common/v1/config";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Selectable } from "kysely";
import type { ResourceRef } from "../auth/caller.ts";
import { addCommand } from "../commands/add-command.ts";
import type { Database } from "../database/open-database.ts";
import type { Schema, UpgradeUndo } from "../database/schema.ts";
import { lockHost, requireRoom } from "../hosts/capacity.ts";
import { type ImageModel, loadImage } from "../images/image-model.ts";
import { upgradedConfig } from "../images/node-config.ts";
import { createdBy } from "../resource.ts";
import { logNode, publishNode } from "./node-events.ts";

type NodeRow = Selectable<Schema["nodes"]>;

/**
 * Moves a locked node to another image (spec §4.7, CA-4.40). What it was before is kept with the command, to return to when
 * the host cannot do it (CA-3.7). Everything that can fail fails before anything is written.
 */
export async function upgradeNode(tx: Database, node: NodeRow, target: ImageModel, by: ResourceRef): Promise<void> {
  const current = await tx
    .selectFrom("configs")
    .select("config")
    .where("id", "=", node.config_id)
    .executeTakeFirstOrThrow();
  const from = await loadImage(tx, node.image_id);
  const resolved = upgradedConfig(from, target, fromBinary(NodeConfigSchema, current.config));
  await requireRoom(tx, await lockHost(tx, node.host_id), resolved, node.id);

  const config = await tx
    .insertInto("configs")
    .values({
      image_id: target.image.id,
      archive_id: resolved.archiveId,
      config: toBinary(NodeConfigSchema, resolved.config),
      ...createdBy(by),
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  await tx
    .updateTable("nodes")
    .set({
      image_id: target.image.id,
      config_id: config.id,
      protocol_version_id: target.version.id,
      semantic_version: target.version.semantic_version,
      cpu_cores: resolved.cpuCores,
      memory_bytes: resolved.memoryBytes,
      disk_bytes: resolved.diskBytes,
      next_state: "upgrading",
      status_at: null,
      updated_at: new Date(),
    })
    .where("id", "=", node.id)
    .execute();
  await logNode(tx, node, "upgrade_started", by, { old: node.image_id, new: target.image.id });
  await addCommand(tx, {
    hostId: node.host_id,
    nodeId: node.id,
    type: "node_upgrade",
    undo: {
      ...undoOf(node),
      toConfigId: config.id,
      ...(node.node_state === "upgrading" ? {} : { nodeState: node.node_state }),
    },
  });
  await publishNode(tx, "updated", node.id, by);
}

export const undoOf = (node: NodeRow): Omit<UpgradeUndo, "toConfigId"> => ({
  imageId: node.image_id,
  configId: node.config_id,
  protocolVersionId: node.protocol_version_id,
  semanticVersion: node.semantic_version,
  cpuCores: node.cpu_cores.toString(),
  memoryBytes: node.memory_bytes.toString(),
  diskBytes: node.disk_bytes.toString(),
});

/** Puts a node back to what it was before a change its host could not make; unless it was changed again since. */
export async function undoChange(tx: Database, nodeId: string, undo: UpgradeUndo): Promise<boolean> {
  const restored = await tx
    .updateTable("nodes")
    .set({
      image_id: undo.imageId,
      config_id: undo.configId,
      protocol_version_id: undo.protocolVersionId,
      semantic_version: undo.semanticVersion,
      cpu_cores: BigInt(undo.cpuCores),
      memory_bytes: BigInt(undo.memoryBytes),
      disk_bytes: BigInt(undo.diskBytes),
    })
    .where("id", "=", nodeId)
    .where("config_id", "=", undo.toConfigId)
    .returning("id")
    .executeTakeFirst();
  return restored !== undefined;
}
