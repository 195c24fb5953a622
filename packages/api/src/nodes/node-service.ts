import { compareVersions } from "@blockvisor/image/version";
import type { NodeService } from "@blockvisor/wire/blockjoy/v1/node";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import type { Selectable } from "kysely";
import { type Caller, callerOf } from "../auth/caller.ts";
import { addCommand, dropUnseen } from "../commands/add-command.ts";
import type { Database } from "../database/open-database.ts";
import type { NextStateName, Schema } from "../database/schema.ts";
import { type Platform, write } from "../platform.ts";
import { failedPrecondition, invalidArgument, notFound } from "../rpc-error.ts";
import { text, uuid } from "../wire-fields.ts";
import { createNodes, visibleImage } from "./create-nodes.ts";
import { listNodes } from "./list-nodes.ts";
import { publishNode, reportOnNode } from "./node-events.ts";
import { nodeMessage, nodeMessages, viewFor } from "./node-message.ts";
import { reportStatus } from "./report-status.ts";
import { updateConfig } from "./update-config.ts";
import { upgradeNode } from "./upgrade-node.ts";

const longestReport = 16 * 1024;
const mostUpgrades = 200;

/** Spec §2.9, without migration. */
export function nodeService(platform: Platform): Partial<ServiceImpl<typeof NodeService>> {
  const { db } = platform;

  /** Start, stop, restart and delete: a command, and the intent where everybody can see it (CA-2.51). */
  const order = (
    request: { readonly nodeId: string },
    context: HandlerContext,
    type: "node_start" | "node_stop" | "node_restart" | "node_delete",
    next: NextStateName | null,
  ) =>
    write(platform, context, request, async (tx) => {
      const { resource } = callerOf(context);
      const node = await lockNode(tx, request.nodeId);
      const deleting = node.next_state === "deleting" || node.node_state === "deleting";
      if (deleting && type === "node_delete") return {};
      if (deleting) throw failedPrecondition("The node is being deleted.");
      // An order nobody has seen yet is overtaken by the newer one; of a node that goes, every one is.
      if (type === "node_delete") await dropUnseen(tx, node.id);
      else if (type !== "node_restart") await dropUnseen(tx, node.id, ["node_start", "node_stop"]);
      const upgrading = node.next_state === "upgrading" && type !== "node_delete";
      await tx
        .updateTable("nodes")
        .set({ next_state: upgrading ? "upgrading" : next, updated_at: new Date() })
        .where("id", "=", node.id)
        .execute();
      await addCommand(tx, { hostId: node.host_id, nodeId: node.id, type });
      await publishNode(tx, "updated", node.id, resource);
      return {};
    });

  return {
    async create(request, context) {
      const caller = callerOf(context);
      return write(platform, context, request, async (tx) => {
        const ids = await createNodes(platform, tx, caller, request);
        return { nodes: [...(await nodeMessages(tx, ids, viewFor(caller)))] };
      });
    },

    async get(request, context) {
      return { node: await nodeMessage(db, uuid(request.nodeId, "node_id"), viewFor(callerOf(context))) };
    },

    list: (request, context) => listNodes(db, callerOf(context), request),

    start: (request, context) => order(request, context, "node_start", null),
    stop: (request, context) => order(request, context, "node_stop", "stopping"),
    restart: (request, context) => order(request, context, "node_restart", null),
    delete: (request, context) => order(request, context, "node_delete", "deleting"),

    async reportStatus(request, context) {
      const { resource } = callerOf(context);
      return write(platform, context, request, async (tx) => {
        await reportStatus(tx, await lockNode(tx, request.nodeId), request, resource);
        return {};
      });
    },

    async reportError(request, context) {
      const { resource } = callerOf(context);
      const message = text(request.message, "message", { min: 1, max: longestReport });
      return write(platform, context, request, async (tx) => {
        const node = await lockNode(tx, request.nodeId);
        const reportId = await reportOnNode(tx, node.id, message, resource);
        await publishNode(tx, "updated", node.id, resource);
        return { reportId };
      });
    },

    async updateConfig(request, context) {
      const { resource } = callerOf(context);
      return write(platform, context, request, async (tx) => {
        const node = await lockNode(tx, request.nodeId);
        if (node.next_state === "deleting") throw failedPrecondition("The node is being deleted.");
        await updateConfig(tx, node, request, resource);
        return {};
      });
    },

    async upgradeImage(request, context) {
      const caller = callerOf(context);
      if (request.nodeIds.length === 0) throw invalidArgument("ids");
      if (request.nodeIds.length > mostUpgrades) throw invalidArgument("ids", `has more than ${mostUpgrades} nodes`);
      return write(platform, context, request, async (tx) => {
        await upgradeNodes(tx, caller, [...new Set(request.nodeIds)].sort(), request.imageId, request.orgId);
        return {};
      });
    },
  };
}

/** @throws NOT_FOUND */
async function lockNode(tx: Database, id: string): Promise<Selectable<Schema["nodes"]>> {
  const node = await tx
    .selectFrom("nodes")
    .selectAll()
    .where("id", "=", uuid(id, "node_id"))
    .forUpdate()
    .executeTakeFirst();
  if (node === undefined) throw notFound("Node");
  return node;
}

async function upgradeNodes(tx: Database, caller: Caller, ids: readonly string[], imageId: string, orgId?: string) {
  const target = await visibleImage(tx, caller, imageId, orgId);
  let upgraded = 0;
  for (const id of ids) {
    const node = await lockNode(tx, id);
    if (node.image_id === target.image.id) continue;
    if (node.next_state === "deleting") throw failedPrecondition(`The node ${node.node_name} is being deleted.`);
    const version = await tx
      .selectFrom("protocol_versions")
      .select(["protocol_key", "variant_key"])
      .where("id", "=", node.protocol_version_id)
      .executeTakeFirstOrThrow();
    const { protocol_key, variant_key, semantic_version } = target.version;
    if (version.protocol_key !== protocol_key || version.variant_key !== variant_key) {
      throw failedPrecondition(
        `image_id: the node ${node.node_name} runs ${version.protocol_key}/${version.variant_key}, the image is for ${protocol_key}/${variant_key}`,
      );
    }
    const lower = compareVersions(semantic_version, node.semantic_version) < 0;
    if (lower && !caller.permissions.has("node-admin-upgrade")) {
      throw failedPrecondition(
        `image_id: ${semantic_version} is lower than ${node.semantic_version} of ${node.node_name}`,
      );
    }
    await upgradeNode(tx, node, target, caller.resource);
    upgraded += 1;
  }
  if (upgraded === 0) throw new ConnectError("image_id", Code.AlreadyExists);
}
