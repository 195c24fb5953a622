import { chmodSync, renameSync, rmSync } from "node:fs";
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Session } from "node:http2";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { Babel, BabelJobs } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { Agent } from "../agent.ts";
import { ensureFolder } from "../files/durable.ts";
import { babelService } from "./babel-service.ts";
import { errorInterceptor } from "./errors.ts";
import { jobsService } from "./jobs-service.ts";
import { requireSecret } from "./secret.ts";

const MESSAGE_LIMIT = 160 * 1024 * 1024;
/** Requests in flight get this long when babel ends. */
const DRAIN_MS = 2_000;

export type Server = { close(): Promise<void> };

/**
 * Serves babel.sock: HTTP/2 without TLS, mode 0600, for gRPC and Connect clients. The socket is there first; what it speaks is loaded while the host finds
 * it, or by the first connection.
 */
export async function serve(agent: Agent): Promise<Server> {
  const path = agent.paths.babelSocket;
  const sessions = new Set<ServerHttp2Session>();
  let speaker: Http2Server | undefined;
  const http2 = (): Http2Server => (speaker ??= speak(agent, sessions));
  const server = createServer((socket) => http2().emit("connection", socket));
  await ensureFolder(dirname(path));
  // Whoever sees it at its place can talk to it: between its making and listening, others are refused.
  const making = `${path}.new`;
  rmSync(making, { force: true });
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(making, resolve);
    });
  } finally {
    process.umask(umask);
  }
  chmodSync(making, 0o600);
  renameSync(making, path);
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
  const server = createHttp2Server({ settings: { maxConcurrentStreams: 1_000 } }, handler);
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    session.on("error", () => session.destroy());
  });
  return server;
}
