import type { Selectable } from "kysely";
import type { ResourceRef } from "../auth/caller.ts";
import type { Database } from "../database/open-database.ts";
import type { CommandType, Schema } from "../database/schema.ts";
import { logNode, publishNode, reportOnNode } from "../nodes/node-events.ts";
import { removeNode } from "../nodes/remove-node.ts";
import { undoChange } from "../nodes/upgrade-node.ts";
import type { Platform } from "../platform.ts";
import { addCommand } from "./add-command.ts";
import type { CommandRow } from "./command-message.ts";
import { replaceNode } from "./replace-node.ts";
import { retry } from "./retry.ts";

type NodeRow = Selectable<Schema["nodes"]>;

/** What follows from a command's first result (spec §3.4 with CA-3.3 – CA-3.7). */
export async function complete(platform: Platform, tx: Database, command: CommandRow, by: ResourceRef): Promise<void> {
  if (command.node_id === null) return;
  const node = await tx
    .selectFrom("nodes")
    .selectAll()
    .where("id", "=", command.node_id)
    .forUpdate()
    .executeTakeFirst();
  if (node === undefined) return;
  const gone = command.command_type === "node_delete" && command.exit_code === "node_not_found";
  if (node.host_id !== command.host_id) {
    // The node moved on to another host; all that is left to do here is to clean up after it.
    if (command.command_type === "node_delete" && command.exit_code !== "ok" && !gone) await retry(tx, command);
    return;
  }
  if (command.exit_code === "ok" || gone) await succeeded(tx, command, node, by);
  else if (!(await retry(tx, command))) await failed(platform, tx, command, node, by);
}

async function succeeded(tx: Database, command: CommandRow, node: NodeRow, by: ResourceRef): Promise<void> {
  switch (command.command_type) {
    case "node_create":
      await logNode(tx, node, "create_succeeded", by);
      // Somebody may have asked for another outcome while the node was being made.
      if (
        node.next_state === null &&
        !(await overruled(tx, node.id, command.sequence, ["node_stop", "node_delete", "node_start"]))
      ) {
        await addCommand(tx, { hostId: node.host_id, nodeId: node.id, type: "node_start" });
      }
      return;
    case "node_upgrade":
      await tx
        .updateTable("nodes")
        .set({
          jobs: "[]",
          next_state: node.next_state === "upgrading" ? null : node.next_state,
          updated_at: new Date(),
        })
        .where("id", "=", node.id)
        .execute();
      await logNode(tx, node, "upgrade_succeeded", by);
      await publishNode(tx, "updated", node.id, by);
      return;
    case "node_delete":
      await removeNode(tx, node, by);
      return;
    default:
      return;
  }
}

async function failed(
  platform: Platform,
  tx: Database,
  command: CommandRow,
  node: NodeRow,
  by: ResourceRef,
): Promise<void> {
  const reason = command.exit_message ?? command.exit_code ?? "unknown";
  switch (command.command_type) {
    case "node_create":
      await replaceNode(platform, tx, node, reason, by);
      return;
    case "node_upgrade": {
      await logNode(tx, node, "upgrade_failed", by);
      // Unless the host says that nothing works any more, the node runs what it ran before.
      const broken = command.exit_code === "node_upgrade_failure";
      const restored = !broken && command.undo !== null && (await undoChange(tx, node.id, command.undo));
      // A result that is delivered late does not replace what the host has said since.
      const awaited = node.node_state === "upgrading" || node.status_at === null;
      const state =
        broken && awaited
          ? { node_state: "failed" as const }
          : restored && node.node_state === "upgrading"
            ? { node_state: command.undo?.nodeState ?? ("running" as const) }
            : {};
      await tx
        .updateTable("nodes")
        .set({ ...state, next_state: node.next_state === "upgrading" ? null : node.next_state, updated_at: new Date() })
        .where("id", "=", node.id)
        .execute();
      break;
    }
    case "node_update":
      if (command.undo !== null) await undoChange(tx, node.id, command.undo);
      break;
    case "node_stop":
      await tx
        .updateTable("nodes")
        .set({ next_state: node.next_state === "stopping" ? null : node.next_state, updated_at: new Date() })
        .where("id", "=", node.id)
        .execute();
      break;
    default:
      break;
  }
  await reportOnNode(tx, node.id, `${command.command_type.replace("node_", "")} failed: ${reason}`, by);
  await publishNode(tx, "updated", node.id, by);
}

async function overruled(tx: Database, nodeId: string, since: bigint, types: readonly CommandType[]): Promise<boolean> {
  const later = await tx
    .selectFrom("commands")
    .select("id")
    .where("node_id", "=", nodeId)
    .where("sequence", ">", since)
    .where("command_type", "in", types)
    .where("exit_code", "is", null)
    .limit(1)
    .executeTakeFirst();
  return later !== undefined;
}
