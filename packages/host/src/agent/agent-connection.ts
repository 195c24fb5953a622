import type { Http2Session } from "node:http2";
import { type GrpcTransportOptions, Http2SessionManager } from "@connectrpc/connect-node";
import { connectAgent } from "./agent-socket.ts";

/** A babel that said something within this time is not asked whether it answers. */
const heardMs = 20_000;

type SessionManager = NonNullable<GrpcTransportOptions["sessionManager"]>;

/** The connection to the babel of one node, made when it is used, and again after babel came back. */
export interface AgentConnection extends SessionManager {
  /**
   * Whether babel answers on the connection that there is, or has done so lately: a tenth of what a call costs. False without a connection, and
   * after `timeoutMs`: then only a call can tell.
   */
  isAnswering(timeoutMs: number): Promise<boolean>;
}

export const agentUrl = "http://babel";

export function createAgentConnection(runDirectory: string): AgentConnection {
  const sessions = new Http2SessionManager(agentUrl, {}, { createConnection: () => connectAgent(runDirectory) });
  let last: { readonly session: Http2Session | undefined; heardAt: number } | undefined;
  return {
    authority: sessions.authority,
    async request(method, path, headers, options) {
      const stream = await sessions.request(method, path, headers, options);
      if (stream.session !== last?.session) last = { session: stream.session, heardAt: Number.NEGATIVE_INFINITY };
      return stream;
    },
    notifyResponseByteRead(stream) {
      if (last !== undefined && stream.session === last.session) last.heardAt = performance.now();
      sessions.notifyResponseByteRead(stream);
    },
    async isAnswering(timeoutMs) {
      const asked = last;
      if (asked?.session === undefined || asked.session.closed || asked.session.destroyed) return false;
      if (performance.now() - asked.heardAt < heardMs) return true;
      const answered = await isPinged(asked.session, timeoutMs);
      if (answered) asked.heardAt = performance.now();
      return answered;
    },
  };
}

function isPinged(session: Http2Session, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs, false);
    session.ping((error) => {
      clearTimeout(timer);
      resolve(error === null);
    });
  });
}
