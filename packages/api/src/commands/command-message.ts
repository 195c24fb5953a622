import {
  type Command,
  CommandExitCode,
  CommandSchema,
  type HostCommandSchema,
  type NodeCommandSchema,
  NodeUpdateSchema,
} from "@blockvisor/wire/blockjoy/v1/command";
import type { Node } from "@blockvisor/wire/blockjoy/v1/node";
import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Selectable } from "kysely";
import type { Database } from "../database/open-database.ts";
import type { ExitCodeName, Schema } from "../database/schema.ts";
import { hostView, type NodeView, nodeMessages } from "../nodes/node-message.ts";
import { present } from "../protocols/protocol-message.ts";

export type CommandRow = Selectable<Schema["commands"]>;

export const exitCodes = {
  ok: CommandExitCode.OK,
  internal_error: CommandExitCode.INTERNAL_ERROR,
  node_not_found: CommandExitCode.NODE_NOT_FOUND,
  blocking_job_running: CommandExitCode.BLOCKING_JOB_RUNNING,
  service_not_ready: CommandExitCode.SERVICE_NOT_READY,
  service_broken: CommandExitCode.SERVICE_BROKEN,
  not_supported: CommandExitCode.NOT_SUPPORTED,
  node_upgrade_rollback: CommandExitCode.NODE_UPGRADE_ROLLBACK,
  node_upgrade_failure: CommandExitCode.NODE_UPGRADE_FAILURE,
} as const satisfies Record<ExitCodeName, CommandExitCode>;

/** Commands as the wire shows them; create and upgrade carry the node as it is now (spec §3.2). */
export async function commandMessages(
  db: Database,
  rows: readonly CommandRow[],
  view: NodeView = hostView,
): Promise<readonly Command[]> {
  const nodeIds = [...new Set(rows.flatMap((row) => row.node_id ?? []))];
  const nodes = new Map((await nodeMessages(db, nodeIds, view)).map((node) => [node.nodeId, node]));
  return rows.map((row) => commandMessage(row, row.node_id === null ? undefined : nodes.get(row.node_id)));
}

function commandMessage(row: CommandRow, node: Node | undefined): Command {
  return create(CommandSchema, {
    commandId: row.id,
    ...(row.exit_code === null ? {} : { exitCode: exitCodes[row.exit_code] }),
    ...present("exitMessage", row.exit_message),
    ...present("retryHintSeconds", row.retry_hint_seconds),
    createdAt: timestampFromDate(row.created_at),
    ...(row.acked_at === null ? {} : { ackedAt: timestampFromDate(row.acked_at) }),
    command:
      row.node_id === null
        ? { case: "host", value: { hostId: row.host_id, command: hostCommand(row) } }
        : {
            case: "node",
            value: {
              hostId: row.host_id,
              nodeId: row.node_id,
              nodeName: node?.nodeName ?? "",
              command: nodeCommand(row, node),
            },
          },
  });
}

function hostCommand(row: CommandRow): NonNullable<MessageInitShape<typeof HostCommandSchema>["command"]> {
  switch (row.command_type) {
    case "host_start":
      return { case: "start", value: {} };
    case "host_stop":
      return { case: "stop", value: {} };
    case "host_restart":
      return { case: "restart", value: {} };
    default:
      return { case: "pending", value: {} };
  }
}

function nodeCommand(
  row: CommandRow,
  node: Node | undefined,
): NonNullable<MessageInitShape<typeof NodeCommandSchema>["command"]> {
  switch (row.command_type) {
    case "node_create":
      return { case: "create", value: node === undefined ? {} : { node } };
    case "node_upgrade":
      return { case: "upgrade", value: node === undefined ? {} : { node } };
    case "node_start":
      return { case: "start", value: {} };
    case "node_stop":
      return { case: "stop", value: {} };
    case "node_restart":
      return { case: "restart", value: {} };
    case "node_delete":
      return { case: "delete", value: {} };
    case "node_update":
      return { case: "update", value: fromBinary(NodeUpdateSchema, row.payload ?? new Uint8Array()) };
    default:
      return { case: undefined };
  }
}
