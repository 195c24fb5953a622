import type { CommandRow } from "./command-message.ts";

/** Whether the node's host has told its status since it was commanded; an acknowledgement or result that comes later does not undo that. */
export const hasSpoken = (node: { readonly status_at: Date | null }, command: CommandRow): boolean =>
  Number(node.status_at ?? 0) > Number(command.created_at);
