import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Session } from "node:http2";
import { Babel, BabelJobs } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { Agent } from "../agent.ts";
import { babelService } from "./babel-service.ts";
import { errorInterceptor } from "./errors.ts";
import { jobsService } from "./jobs-service.ts";
import { listenPrivately } from "./private-socket.ts";
import { requireSecret } from "./secret.ts";

const MESSAGE_LIMIT = 160 * 1024 * 1024;
/**
 * A stream that somebody watches a job by ends when he gives it up: at most so many at once, and then in a second. Node's own 1,000 and 33 would end the whole
 * connection of a host that waits for one job after another.
 */
const RESETS = { streamResetBurst: 10_000, streamResetRate: 1_000 };
/** Requests in flight get this long when babel ends. */
const DRAIN_MS = 2_000;

export type Server = { close(): Promise<void> };

/**
 * Serves babel.sock: HTTP/2 without TLS, mode 0600, for gRPC and Connect clients. The socket is there first; what it speaks is loaded while the host finds
 * it, or by the first connection.
 */
export async function serve(agent: Agent): Promise<Server> {
  const sessions = new Set<ServerHttp2Session>();
  let speaker: Http2Server | undefined;
  const http2 = (): Http2Server => (speaker ??= speak(agent, sessions));
  const server = await listenPrivately(agent.paths.babelSocket, (socket) => http2().emit("connection", socket));
  setImmediate(http2);
  return {
    close: () =>
      new Promise((resolve) => {
        const force = setTimeout(() => {
          for (const session of sessions) session.destroy();
        }, DRAIN_MS);
        server.close(() => {
          clearTimeout(force);
          resolve();
        });
        for (const session of sessions) session.close();
      }),
  };
}

function speak(agent: Agent, sessions: Set<ServerHttp2Session>): Http2Server {
  const handler = connectNodeAdapter({
    routes: (router) => {
      router.service(Babel, babelService(agent));
      router.service(BabelJobs, jobsService(agent));
    },
    interceptors: [errorInterceptor, requireSecret(() => agent.secret)],
    readMaxBytes: MESSAGE_LIMIT,
    writeMaxBytes: MESSAGE_LIMIT,
    grpcWeb: false,
  });
  const server = createHttp2Server({ settings: { maxConcurrentStreams: 1_000 }, ...RESETS }, handler);
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    session.on("error", () => session.destroy());
  });
  return server;
}
