import { safely } from "@blockvisor/rpc";
import { type ConnectRouter, createContextValues, type Interceptor } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { type Admit, admitBodies, compressions } from "./admitted-bodies.ts";
import { answerCors } from "./cors.ts";
import { type HttpHandler, type HttpRequest, type HttpResponse, json } from "./http-routes.ts";
import { requestOrigin, requestOriginKey } from "./request-origin.ts";
import { sourceAddressKey } from "./source-address.ts";

/** Longer than any deadline the host software sets. */
const longestDeadlineMs = 15 * 60_000;

export interface RequestHandlerOptions {
  readonly routes: (router: ConnectRouter) => void;
  readonly admit: Admit;
  /** outermost first */
  readonly interceptors: readonly Interceptor[];
  readonly consoleOrigins: readonly string[];
  readonly otherwise: (request: HttpRequest, response: HttpResponse) => Promise<void>;
}

/** gRPC, gRPC-Web and Connect by content type, everything else by path. */
export function requestHandler(options: RequestHandlerOptions): HttpHandler {
  const rpc = connectNodeAdapter({
    routes: (router) => {
      options.routes(router);
      admitBodies(router.handlers, options.admit);
    },
    interceptors: [...options.interceptors],
    acceptCompression: compressions,
    binaryOptions: { readUnknownFields: false },
    maxTimeoutMs: longestDeadlineMs,
    contextValues: (request) =>
      createContextValues()
        .set(sourceAddressKey, request.socket?.remoteAddress ?? "unknown")
        .set(requestOriginKey, requestOrigin(request)),
    fallback: (request, response) => {
      options.otherwise(request, response).catch(() => {
        if (!response.headersSent) json(response, 500, { message: "Internal error." });
        else response.destroy();
      });
    },
  });
  return safely((request, response) => {
    if (!answerCors(options.consoleOrigins, request, response)) rpc(request, response);
  });
}
