import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import type tls from "node:tls";
import type { HttpHandler } from "./http-routes.ts";

/** The first bytes of every HTTP/2 connection that starts with prior knowledge (RFC 9113 §3.4). */
const http2Preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
const prefaceTimeoutMs = 10_000;
const drainMs = 3_000;

export interface ListenerOptions {
  readonly host: string;
  /** 0 lets the system choose a free port. */
  readonly port: number;
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer };
  readonly handler: HttpHandler;
  /** Streams one HTTP/2 connection may have in flight (spec §0.2, REQUEST_CONCURRENCY_LIMIT). */
  readonly concurrency: number;
}

export interface Listener {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/**
 * One port for native gRPC clients (HTTP/2, prior knowledge or ALPN) and for browsers and scripts (HTTP/1.1).
 * Without TLS nothing announces the protocol, so the first bytes of a connection decide who gets it.
 */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const limits = { settings: { maxConcurrentStreams: options.concurrency } };
  const sessions = new Set<http2.ServerHttp2Session>();
  const sockets = new Set<net.Socket>();
  const track = (server: http2.Http2Server | http2.Http2SecureServer) =>
    server.on("session", (session) => {
      sessions.add(session);
      session.on("close", () => sessions.delete(session));
      session.on("error", () => session.destroy());
    });

  let front: net.Server;
  let plain: http.Server | undefined;
  if (options.tls) {
    const secure = http2.createSecureServer({ ...limits, ...options.tls, allowHTTP1: true }, options.handler);
    track(secure);
    front = secure as tls.Server;
  } else {
    const http1 = http.createServer(options.handler);
    const http2Clear = http2.createServer(limits, options.handler);
    track(http2Clear);
    plain = http1;
    front = net.createServer((socket) => sniff(socket, http1, http2Clear));
  }
  front.on("connection", (socket: net.Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  });

  await new Promise<void>((resolve, reject) => {
    front.once("error", reject);
    front.listen(options.port, options.host, () => {
      front.off("error", reject);
      resolve();
    });
  });
  const { port } = front.address() as net.AddressInfo;
  const shown = options.host === "0.0.0.0" || options.host === "::" ? "127.0.0.1" : options.host;
  const authority = shown.includes(":") ? `[${shown}]` : shown;

  return {
    port,
    url: `${options.tls ? "https" : "http"}://${authority}:${port}`,
    async close() {
      const closed = new Promise<void>((resolve) => front.close(() => resolve()));
      for (const session of sessions) session.close();
      plain?.closeIdleConnections();
      const cut = setTimeout(() => {
        for (const session of sessions) session.destroy();
        for (const socket of sockets) socket.destroy();
      }, drainMs);
      await closed;
      clearTimeout(cut);
    },
  };
}

function sniff(socket: net.Socket, http1: http.Server, http2Clear: http2.Http2Server): void {
  const impatient = setTimeout(() => socket.destroy(), prefaceTimeoutMs);
  socket.once("close", () => clearTimeout(impatient));
  const seen: Buffer[] = [];
  const onReadable = () => {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) seen.push(chunk as Buffer);
    const head = Buffer.concat(seen);
    if (head.length === 0) return;
    const compared = Math.min(head.length, http2Preface.length);
    const matches = head.subarray(0, compared).equals(http2Preface.subarray(0, compared));
    if (matches && compared < http2Preface.length) return;
    clearTimeout(impatient);
    socket.off("readable", onReadable);
    socket.unshift(head);
    (matches ? http2Clear : http1).emit("connection", socket);
  };
  socket.on("readable", onReadable);
}
