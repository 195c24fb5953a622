import { randomUUID } from "node:crypto";
import type { ErrorReport } from "../errors/host-error.ts";
import type { NodeOperation, NodeState, OperationKind } from "./node-state.ts";

interface Request {
  readonly kind: OperationKind;
  readonly commandId?: string;
  readonly resumed?: boolean;
}

/** What the journal says of an operation while it goes on. `again`: its command came before, and may still be under way. */
export function journalOf(state: NodeState, request: Request, again: boolean): NodeOperation {
  const { kind, commandId, resumed = false } = request;
  const before = resumed || again ? state.operation : null;
  const command = commandId ?? before?.command;
  return { id: before?.id ?? randomUUID(), kind, since: Date.now(), ...(command === undefined ? {} : { command }) };
}

/**
 * What is to be remembered of an operation that fails, or that begins to go back: how the command that asked for it is answered, also
 * when this daemon dies before it can say so (spec host-daemon DB-4.1, C22). Goes into the same write as what the failure makes of the node.
 */
export function failedAs(
  { operation }: Pick<NodeState, "operation">,
  { code, message, hint, retryAfterSeconds }: ErrorReport,
): Pick<Partial<NodeState>, "last_failure"> {
  if (operation?.command === undefined) return {};
  const retry = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
  return { last_failure: { code, message, hint, ...retry } };
}

/** A command was given up for another operation, which now takes its place. */
export function givenUpFor(state: NodeState, command: string | undefined): Pick<Partial<NodeState>, "last_failure"> {
  const isOver = state.operation?.command !== command && state.last_failure === null;
  return isOver ? failedAs(state, givenUp) : {};
}

export const givenUp: ErrorReport = {
  code: "cancelled",
  message: "the operation was given up for a later one",
  hint: "see `bv node status` for what the node does now",
};
