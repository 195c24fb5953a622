import { connect } from "node:net";
import { BabelEngine } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";

/** A client of the host's engine service, with the secret that opens it. */
export function engineClient(socket: string, secret: () => string | undefined): Client<typeof BabelEngine> {
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${secret() ?? ""}`);
    return next(request);
  };
  return createClient(
    BabelEngine,
    createGrpcTransport({
      baseUrl: "http://engine",
      nodeOptions: { createConnection: () => connect(socket) },
      interceptors: [authorize],
      defaultTimeoutMs: 30_000,
    }),
  );
}
