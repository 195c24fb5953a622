import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import type tls from "node:tls";
import { Connections, type Protocol } from "./connections.ts";
import type { HttpHandler } from "./http-routes.ts";

/** The first bytes of every HTTP/2 connection that starts with prior knowledge (RFC 9113 §3.4). */
const http2Preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
const prefaceTimeoutMs = 10_000;
const drainMs = 3_000;
/** A chunk of an archive may take its time; who stops sending is cut off sooner by whoever reads the body. */
const requestTimeout = 3600_000;

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
  const connections = new Connections();
  const handler = connections.counting(options.handler);
  const track = <Server extends http2.Http2Server | http2.Http2SecureServer>(server: Server): Server => {
    server.on("session", (session) => {
      sessions.add(session);
      session.on("close", () => sessions.delete(session));
      session.on("error", () => session.destroy());
    });
    return server;
  };

  let front: net.Server;
  if (options.tls) {
    front = track(http2.createSecureServer({ ...limits, ...options.tls, allowHTTP1: true }, handler));
    // The part of it that serves HTTP/1.1 reads this as an http.Server does.
    Object.assign(front, { requestTimeout });
    front.on("secureConnection", (socket: tls.TLSSocket) => {
      connections.add(socket, socket.alpnProtocol === "h2" ? "http2" : "http1");
    });
  } else {
    const http1 = http.createServer({ requestTimeout }, handler);
    const http2Clear = track(http2.createServer(limits, handler));
    front = net.createServer((socket) => {
      connections.add(socket, "http1");
      sniff(socket, (protocol) => {
        connections.add(socket, protocol);
        (protocol === "http2" ? http2Clear : http1).emit("connection", socket);
      });
    });
  }
  front.on("connection", (socket: net.Socket) => {
    socket.setNoDelay(true);
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
      connections.drain();
      const cut = setTimeout(() => {
        for (const session of sessions) session.destroy();
        connections.destroy();
      }, drainMs);
      await closed;
      clearTimeout(cut);
    },
  };
}

/** Calls back once it is clear what a connection speaks; nothing of what it sent is lost. */
function sniff(socket: net.Socket, found: (protocol: Protocol) => void): void {
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
    found(matches ? "http2" : "http1");
  };
  socket.on("readable", onReadable);
}
