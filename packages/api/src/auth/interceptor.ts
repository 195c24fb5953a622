import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import type { Logger } from "pino";
import { translateDatabaseError } from "../database/constraint.ts";
import type { Database } from "../database/open-database.ts";
import { permissionDenied, unimplemented } from "../rpc-error.ts";
import { accessOf, rpcName } from "./access-table.ts";
import type { AccessTokens } from "./access-token.ts";
import { authenticate, bearerToken } from "./authenticate.ts";
import { callerKey } from "./caller.ts";

/** Stands before every handler: finds the RPC's row in the table and lets through only who it names. */
export function authorisation(db: Database, tokens: AccessTokens): Interceptor {
  return (next) => async (request) => {
    const access = accessOf(request.method);
    if (access === undefined) throw permissionDenied();
    if (access.kind === "unimplemented") {
      throw unimplemented(`${rpcName(request.method)} is not implemented: ${access.because}.`);
    }
    if (access.kind === "guarded") {
      const caller = await authenticate(db, tokens, bearerToken(request.header.get("authorization")));
      for (const rule of access.rules(request.message)) await caller.require(rule);
      request.contextValues.set(callerKey, caller);
    }
    return next(request);
  };
}

/** Nothing about the inside leaves the server: whatever is not an RPC error becomes "Internal error." (spec §0.4). */
export function errorBoundary(log: Logger): Interceptor {
  return (next) => async (request) => {
    try {
      return await next(request);
    } catch (thrown) {
      const error = translateDatabaseError(thrown);
      if (error instanceof ConnectError && error.code !== Code.Internal && error.code !== Code.Unknown) throw error;
      log.error({ method: rpcName(request.method), err: error }, "call failed");
      throw new ConnectError("Internal error.", Code.Internal);
    }
  };
}
