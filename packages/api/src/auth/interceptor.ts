import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import type { Logger } from "pino";
import { translateDatabaseError } from "../database/constraint.ts";
import type { Database } from "../database/open-database.ts";
import { permissionDenied, unimplemented } from "../rpc-error.ts";
import { accessOf, rpcName } from "./access-table.ts";
import type { AccessTokens } from "./access-token.ts";
import { authenticate, bearerToken } from "./authenticate.ts";
import { callerKey } from "./caller.ts";

/** Stands before every handler: finds the RPC's row in the table and lets through only who it names. Who calls is known already if there was a body (`admission`). */
export function authorisation(db: Database, tokens: AccessTokens): Interceptor {
  return (next) => async (request) => {
    const access = accessOf(request.method);
    if (access === undefined) throw permissionDenied();
    if (access.kind === "unimplemented") {
      throw unimplemented(`${rpcName(request.method)} is not implemented: ${access.because}.`);
    }
    if (access.kind === "guarded") {
      const caller =
        request.contextValues.get(callerKey) ??
        (await authenticate(db, tokens, bearerToken(request.header.get("authorization"))));
      for (const rule of access.rules(request.message)) await caller.require(rule);
      request.contextValues.set(callerKey, caller);
    }
    return next(request);
  };
}

/** Nothing about the inside leaves the server: whatever is not an RPC error becomes "Internal error." (spec §0.4). */
export function outward(log: Logger, method: DescMethod, thrown: unknown): ConnectError {
  const error = translateDatabaseError(thrown);
  if (error instanceof ConnectError && error.code !== Code.Internal && error.code !== Code.Unknown) return error;
  log.error({ method: rpcName(method), err: error }, "call failed");
  return new ConnectError("Internal error.", Code.Internal);
}

export function errorBoundary(log: Logger): Interceptor {
  return (next) => async (request) => {
    try {
      const response = await next(request);
      if (!response.stream) return response;
      // The handler of a stream runs while its answer is read.
      return { ...response, message: translated(response.message, (thrown) => outward(log, request.method, thrown)) };
    } catch (thrown) {
      throw outward(log, request.method, thrown);
    }
  };
}

async function* translated<Item>(items: AsyncIterable<Item>, outward: (thrown: unknown) => ConnectError) {
  try {
    yield* items;
  } catch (thrown) {
    throw outward(thrown);
  }
}
