import { randomUUID } from "node:crypto";
import { HostService } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { toConnectError } from "./connect-error.ts";
import type { Asker } from "./node-operations.ts";
import type { ServiceContext } from "./service-context.ts";

const idHeader = "x-request-id";

/** Ids that clients give: they go into the log. */
const isId = /^[\w.:-]{1,64}$/;

/** Methods that only read. */
const reading = /^(?:get|list|watch|read|stream)/;

type Method<R> = (request: unknown, context: HandlerContext) => R;

/**
 * Each method as it is served: whatever it throws leaves as our error with its detail, and a request that changes something is one line in the
 * log, with an id (of the client, `x-request-id`, or our own) that the lines of what it brings about have, too (spec host-daemon DB-1.7, S1).
 */
export function served(
  service: ServiceImpl<typeof HostService>,
  context: ServiceContext,
): ServiceImpl<typeof HostService> {
  const wrapped = Object.entries(service).map(([name, method]) => {
    const isStream = HostService.method[name as keyof typeof HostService.method]?.methodKind !== "unary";
    const call = logged(name, method as Method<unknown>, context);
    return [name, isStream ? guardStream(call as never) : guardCall(call)];
  });
  return Object.fromEntries(wrapped) as ServiceImpl<typeof HostService>;
}

/** What an operation is told of the request it is for. One that is repeated with its `idempotency-key` takes effect once, and is answered as it ended (host.proto). */
export function whoAsks(headers: Headers): Pick<Asker, "commandId"> & { readonly requestId: string } {
  const commandId = headers.get("idempotency-key") ?? "";
  return { requestId: headers.get(idHeader) ?? "", ...(commandId === "" ? {} : { commandId }) };
}

function logged<R>(method: string, call: Method<R>, { host: { log } }: ServiceContext): Method<R> {
  if (reading.test(method)) return call;
  return (request, context) => {
    const given = context.requestHeader.get(idHeader) ?? "";
    const id = isId.test(given) ? given : randomUUID();
    context.requestHeader.set(idHeader, id);
    const { node } = request as { readonly node?: unknown };
    log.info({ origin: "local", method, request: id, ...(typeof node === "string" ? { node } : {}) }, "request");
    return call(request, context);
  };
}

function guardCall(call: Method<unknown>): Method<Promise<unknown>> {
  return async (request, context) => {
    try {
      return await call(request, context);
    } catch (error) {
      throw toConnectError(error);
    }
  };
}

function guardStream(call: Method<AsyncIterable<unknown>>): Method<AsyncIterable<unknown>> {
  return async function* (request, context) {
    try {
      yield* call(request, context);
    } catch (error) {
      throw toConnectError(error);
    }
  };
}
