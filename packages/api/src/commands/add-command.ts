import { CommandSchema } from "@blockvisor/wire/blockjoy/v1/command";
import { topics } from "../broker/broker.ts";
import type { Database } from "../database/open-database.ts";
import type { CommandType, UpgradeUndo } from "../database/schema.ts";
import { publish } from "../outbox/outbox.ts";
import { type CommandRow, commandMessages } from "./command-message.ts";

export interface NewCommand {
  readonly hostId: string;
  readonly nodeId?: string;
  readonly type: CommandType;
  /** an encoded NodeUpdate */
  readonly payload?: Uint8Array;
  readonly undo?: UpgradeUndo;
  /** of a command that is tried again */
  readonly retry?: { readonly attempt: number; readonly firstAttemptAt: Date; readonly notBefore: Date };
}

/** Puts a command into the host's queue and wakes the host up. The table is the truth; the message is only a hint. */
export async function addCommand(tx: Database, command: NewCommand): Promise<void> {
  const row = await tx
    .insertInto("commands")
    .values({
      host_id: command.hostId,
      node_id: command.nodeId ?? null,
      command_type: command.type,
      payload: command.payload ?? null,
      undo: command.undo === undefined ? null : JSON.stringify(command.undo),
      ...(command.retry === undefined
        ? {}
        : {
            attempt: command.retry.attempt,
            first_attempt_at: command.retry.firstAttemptAt,
            not_before: command.retry.notBefore,
          }),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  if (command.retry === undefined) await publishCommand(tx, row);
}

export async function publishCommand(tx: Database, row: CommandRow): Promise<void> {
  const [message] = await commandMessages(tx, [row]);
  if (message === undefined) return;
  const to = row.node_id === null ? [topics.hostCommands(row.host_id)] : topics.commandOfNode(row.host_id, row.node_id);
  await publish(tx, to, CommandSchema, message);
}

/** Takes back commands of a node that no host has seen yet. */
export async function dropUnseen(tx: Database, nodeId: string, types?: readonly CommandType[]): Promise<void> {
  let query = tx
    .deleteFrom("commands")
    .where("node_id", "=", nodeId)
    .where("exit_code", "is", null)
    .where("acked_at", "is", null);
  if (types !== undefined) query = query.where("command_type", "in", types);
  await query.execute();
}
