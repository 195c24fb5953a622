import { timingSafeEqual } from "node:crypto";
import {
  constants,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Stream,
} from "node:http2";
import { Turns } from "@blockvisor/rpc";
import { BabelEngine } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError, createConnectRouter } from "@connectrpc/connect";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { listenAt } from "../place/listen-at.ts";
import { BoundedSessions } from "./bounded-sessions.ts";
import type { RateLimit } from "./call-rate.ts";
import { EngineBodies } from "./engine-bodies.ts";
import { type EnginePort, engineCalls } from "./engine-calls.ts";
import { EngineGate } from "./engine-gate.ts";
import { freeSocketPlace } from "./socket-place.ts";

export interface EngineServer {
  close(): Promise<void>;
}

/** Of the calls of one node; babel asks again what was refused. (spec babel-agent §9.7) */
const callLimit: RateLimit = { burst: 50, perSecond: 20, longestWaitMs: 5000 };

/** Babel has one connection, and so has each of its archive jobs. */
const mostSessions = 64;
const streamsPerSession = 32;
/** With more that is under way no call begins on a connection; an answer is sent as a whole. */
const sessionMegabytes = 64;

/** Calls for chunks that are answered at one time: an answer may have 32 MiB, as much as what is known of many small files. */
const chunkAnswers = 4;
const chunkMethods: ReadonlySet<DescMethod> = new Set([
  BabelEngine.method.getChunks,
  BabelEngine.method.getDownloadChunks,
]);

/**
 * Serves `BabelEngine` for one node on a socket in its `run` directory, which only root can enter and the container can write to. A file or
 * link at the path is replaced; error `conflict` with a directory.
 *
 * @param messageMs the longest that is waited for a message of a request, and for an answer to be taken
 */
export async function serveEngine(
  path: string,
  port: EnginePort,
  limit = callLimit,
  messageMs = 20_000,
): Promise<EngineServer> {
  const gate = new EngineGate(
    (authorization) => isAuthorized(port.secret(), authorization),
    () => port.unauthenticated(),
    limit,
  );
  const router = createConnectRouter({
    connect: false,
    grpcWeb: false,
    binaryOptions: { readUnknownFields: false },
  }).service(BabelEngine, engineCalls(port));
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  const bodies = new EngineBodies(messageMs);
  const chunkTurns = new Turns(chunkAnswers);
  const server = createServer({
    settings: { maxConcurrentStreams: streamsPerSession },
    maxSessionMemory: sessionMegabytes,
  });
  const sessions = new BoundedSessions(server, mostSessions);

  const answer = async (request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> => {
    gate.authorize(request);
    sessions.letIn(request.stream.session);
    const handler = handlers.get(request.url);
    if (handler === undefined) throw new ConnectError(`there is no ${request.url}`, Code.Unimplemented);
    const asked = universalRequestFromNodeRequest(request, response, undefined, undefined);
    await gate.admit(request, asked.signal);
    if (chunkMethods.has(handler.method)) await chunkTurns.take(asked.signal);
    const answered = await handler({ ...asked, body: bodies.bounded(handler.method, request, asked.signal) });
    request.stream.once("wantTrailers", () => discardRest(request.stream));
    endIn(messageMs, request.stream);
    await universalResponseToNodeResponse(answered, response);
  };
  server.on("request", (request, response) => {
    answer(request, response).catch((error: unknown) => refuse(request.stream, ConnectError.from(error)));
  });
  freeSocketPlace(path);
  await listenAt(server, path);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        sessions.destroy();
      }),
  };
}

/** Nobody wants any more what the sender still sends: the request, which is closed, would not take it. */
function discardRest(stream: ServerHttp2Stream): void {
  stream.removeAllListeners("data").resume();
}

/** Of a call that was answered: its sender has so long to take the answer, and to end what he sends. */
function endIn(ms: number, stream: ServerHttp2Stream): void {
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), ms);
  stream.once("close", () => clearTimeout(timer));
}

/** An answer of nothing but headers, after which nothing more is read. */
function refuse(stream: ServerHttp2Stream, { code, rawMessage }: ConnectError): void {
  if (stream.destroyed || stream.closed) return;
  if (stream.headersSent) {
    stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    return;
  }
  const status = { "grpc-status": String(code), "grpc-message": encodeURIComponent(rawMessage) };
  stream.respond({ ":status": 200, "content-type": "application/grpc+proto", ...status }, { endStream: true });
  stream.close();
}

function isAuthorized(secret: string | undefined, authorization: string | undefined): boolean {
  const given = Buffer.from(authorization ?? "");
  const wanted = Buffer.from(`Bearer ${secret ?? ""}`);
  return secret !== undefined && given.length === wanted.length && timingSafeEqual(given, wanted);
}
