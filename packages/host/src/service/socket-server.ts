import { chmod, chown, mkdir } from "node:fs/promises";
import { createServer as createHttp1, type Server as Http1Server } from "node:http";
import { createServer as createHttp2 } from "node:http2";
import { connect, createServer, type Socket } from "node:net";
import { safely } from "@blockvisor/rpc";
import type { ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { HostError } from "../errors/host-error.ts";
import { listenForGroup, serviceGroup } from "../place/listen-at.ts";
import type { HostPaths } from "../place/paths.ts";

const maxMessageBytes = 16 * 1024 * 1024;

/** The first bytes of every HTTP/2 connection. */
const http2Preface = Buffer.from("PRI ");

const VERSION_HEADER = "blockvisor-version";

export interface SocketServer {
  close(): Promise<void>;
}

/**
 * Serves Connect (HTTP/1.1 and 2), gRPC and gRPC-Web on the daemon's socket. The directory admits root and the group `blockvisor` only
 * (spec host-daemon DB-3.1, S1). Every answer names the `version`, so that clients of another one know what they talk to (DB-3.6), also
 * when it is that there is no such method. Refused when another daemon answers there.
 */
export async function serveSocket(
  paths: HostPaths,
  version: string,
  routes: (router: ConnectRouter) => void,
): Promise<SocketServer> {
  await mkdir(paths.runDirectory, { recursive: true });
  await chmod(paths.runDirectory, 0o750);
  await chown(paths.runDirectory, 0, await serviceGroup());
  if (await answers(paths.socket)) {
    throw new HostError("conflict", `another blockvisord serves ${paths.socket}`, { hint: "stop it first: `bv stop`" });
  }

  const handler = connectNodeAdapter({ routes, readMaxBytes: maxMessageBytes });
  const answer: typeof handler = safely((request, response) => {
    response.setHeader(VERSION_HEADER, version);
    handler(request, response);
  });
  const http1 = createHttp1(answer);
  const http2 = createHttp2(answer);
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
    socket.on("error", () => socket.destroy());
    dispatch(socket, http1, (found) => http2.emit("connection", found));
  });
  await listenForGroup(server, paths.socket);
  return {
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const connection of connections) connection.destroy();
      await closed;
    },
  };
}

/** One socket, both HTTP versions: the first bytes tell which. */
function dispatch(socket: Socket, http1: Http1Server, http2: (socket: Socket) => void): void {
  const look = (): void => {
    const first: Buffer | null = socket.read();
    if (first === null) return;
    socket.off("readable", look);
    socket.unshift(first);
    if (first.subarray(0, http2Preface.length).equals(http2Preface)) http2(socket);
    else http1.emit("connection", socket);
  };
  socket.on("readable", look);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
