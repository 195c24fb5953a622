import type { CommandService } from "@blockvisor/wire/blockjoy/v1/command";
import type { ServiceImpl } from "@connectrpc/connect";
import { callerOf } from "../auth/caller.ts";
import type { Database } from "../database/open-database.ts";
import { nameOf, type nodeStates } from "../nodes/node-enums.ts";
import { publishNode } from "../nodes/node-events.ts";
import { hostView, publicView } from "../nodes/node-message.ts";
import { type Platform, write } from "../platform.ts";
import { invalidArgument, notFound } from "../rpc-error.ts";
import { int8, text, uuid } from "../wire-fields.ts";
import { publishCommand } from "./add-command.ts";
import { type CommandRow, commandMessages, exitCodes } from "./command-message.ts";
import { complete } from "./complete.ts";

const mostAtOnce = 500;
const longestMessage = 64 * 1024;

/** Spec §2.10 and §3. */
export function commandService(platform: Platform): ServiceImpl<typeof CommandService> {
  const { db } = platform;
  return {
    async pending(request) {
      const hostId = uuid(request.hostId, "host_id");
      let query = db
        .selectFrom("commands")
        .selectAll()
        .where("host_id", "=", hostId)
        .where("exit_code", "is", null)
        .where((row) => row.or([row("not_before", "is", null), row("not_before", "<=", new Date())]))
        .orderBy("sequence")
        .limit(mostAtOnce);
      if (request.filterType !== undefined) query = query.where("command_type", "=", request.filterType as never);
      return { commands: [...(await commandMessages(db, await query.execute(), hostView))] };
    },

    async ack(request, context) {
      const { resource } = callerOf(context);
      return write(platform, context, request, async (tx) => {
        const command = await lockCommand(tx, request.commandId);
        if (command.acked_at !== null) return {};
        await tx.updateTable("commands").set({ acked_at: new Date() }).where("id", "=", command.id).execute();
        // What has a result is not ahead any more.
        if (command.exit_code === null && command.node_id !== null && (await applyIntent(tx, command))) {
          await publishNode(tx, "updated", command.node_id, resource);
        }
        return {};
      });
    },

    async update(request, context) {
      const { resource } = callerOf(context);
      const exitCode = request.exitCode === undefined ? undefined : nameOf(exitCodes, request.exitCode, "exit_code");
      const hint = request.retryHintSeconds;
      const changes = {
        ...(request.exitMessage === undefined
          ? {}
          : {
              exit_message: text(request.exitMessage.slice(0, longestMessage).replaceAll("\0", ""), "exit_message", {
                max: longestMessage,
              }),
            }),
        ...(hint === undefined ? {} : { retry_hint_seconds: int8(hint, "retry_hint_seconds") }),
      };
      return write(platform, context, request, async (tx) => {
        const command = await lockCommand(tx, request.commandId);
        // The first result counts; a repeated report gets the stored one and causes nothing (CA-3.4).
        if (command.exit_code !== null) return answer(tx, command);
        const row = await tx
          .updateTable("commands")
          .set({
            ...changes,
            ...(exitCode === undefined ? {} : { exit_code: exitCode, completed_at: new Date() }),
          })
          .where("id", "=", command.id)
          .returningAll()
          .executeTakeFirst();
        if (row === undefined) return answer(tx, command);
        await publishCommand(tx, row);
        const message = await answer(tx, row);
        if (row.exit_code !== null) await complete(platform, tx, row, resource);
        return message;
      });
    },

    async list(request) {
      if (request.nodeId === undefined && request.hostId === undefined) throw invalidArgument("node_id or host_id");
      let query = db.selectFrom("commands").selectAll().orderBy("sequence", "desc").limit(mostAtOnce);
      if (request.nodeId !== undefined) query = query.where("node_id", "=", uuid(request.nodeId, "node_id"));
      if (request.hostId !== undefined) query = query.where("host_id", "=", uuid(request.hostId, "host_id"));
      if (request.exitCode !== undefined) {
        query = query.where("exit_code", "=", nameOf(exitCodes, request.exitCode, "exit_code"));
      }
      return { commands: [...(await commandMessages(db, await query.execute(), publicView))] };
    },
  };
}

async function answer(tx: Database, row: CommandRow) {
  const [command] = await commandMessages(tx, [row], publicView);
  return command === undefined ? {} : { command };
}

/** @throws NOT_FOUND */
async function lockCommand(tx: Database, id: string): Promise<CommandRow> {
  const row = await tx
    .selectFrom("commands")
    .selectAll()
    .where("id", "=", uuid(id, "command_id"))
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) throw notFound("Command");
  return row;
}

/** What a node becomes when its host takes up what was ahead of it (spec §3.3). */
const intents = {
  stopping: { command: "node_stop", state: "stopped" },
  deleting: { command: "node_delete", state: "deleting" },
  upgrading: { command: "node_upgrade", state: "upgrading" },
} as const;

async function applyIntent(tx: Database, command: CommandRow): Promise<boolean> {
  const node = await tx
    .selectFrom("nodes")
    .select(["id", "next_state", "status_at"])
    .where("id", "=", command.node_id)
    .where("host_id", "=", command.host_id)
    .forUpdate()
    .executeTakeFirst();
  if (node === undefined || node.next_state === null) return false;
  const intent = intents[node.next_state];
  if (intent.command !== command.command_type) return false;
  // A host cannot speak of the new configuration before it has taken up the upgrade: what it says is newer than the intent.
  if (intent.state === "upgrading" && node.status_at !== null) return false;
  await tx
    .updateTable("nodes")
    .set({ node_state: intent.state satisfies keyof typeof nodeStates, next_state: null, updated_at: new Date() })
    .where("id", "=", node.id)
    .execute();
  return true;
}
