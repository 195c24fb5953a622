import type { OperationRequest } from "./operation-request.ts";

/**
 * Who brought an operation about, as the node's history says it: `local` or `disk-guard` where that is known, `attach` of what an earlier
 * daemon began, `api:COMMAND-ID`, else `recovery`.
 */
export function originOf({ origin, resumed, commandId }: OperationRequest): string {
  if (origin !== undefined) return origin;
  if (resumed) return "attach";
  return commandId === undefined ? "recovery" : `api:${commandId}`;
}
