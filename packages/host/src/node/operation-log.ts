import type { Logger } from "pino";
import type { NodeOperation } from "./node-state.ts";
import type { OperationRequest } from "./operation-request.ts";

/** The node's log while it does what somebody asked for: each line names the command of the API, or the request (spec host-daemon DB-1.7). */
export function askedLog(log: Logger, { requestId }: OperationRequest, { command }: NodeOperation): Logger {
  if (requestId === undefined && command === undefined) return log;
  return log.child({
    ...(command === undefined ? {} : { command }),
    ...(requestId === undefined ? {} : { request: requestId }),
  });
}
