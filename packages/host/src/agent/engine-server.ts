import { timingSafeEqual } from "node:crypto";
import { createServer, type ServerHttp2Session } from "node:http2";
import { setTimeout as delay } from "node:timers/promises";
import { BabelEngine } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { listenAt } from "../place/listen-at.ts";
import { CallRate, type RateLimit } from "./call-rate.ts";
import { archiveCalls, nodeAccess } from "./engine-archive-store.ts";
import { downloadChunks, downloadMetadata, type NodeArchives, putManifest, uploadSlots } from "./engine-archives.ts";
import { freeSocketPlace } from "./socket-place.ts";

/** What one node's babel may ask of the host. Read at each call, so a change of the node needs no new server. */
export interface EnginePort {
  /** The secret of the node's current start. */
  secret(): string | undefined;
  /** Undefined: the node has no control plane. */
  archives(): Promise<NodeArchives | undefined>;
  /** Bytes per second that an archive job of the node may transfer just now; undefined: as many as it can. */
  transferShare(job: string): number | undefined;
  blockingJobsFinished(): void;
  babelError(message: string): void;
  /** Somebody asked without the secret; told once, however often they ask (spec babel-agent T-27). */
  unauthenticated(): void;
}

export interface EngineServer {
  close(): Promise<void>;
}

const longestJobName = 255;
const maxMessageBytes = 32 * 1024 * 1024;
/** Of the calls of one node; babel asks again what was refused. (spec babel-agent §9.7) */
const callLimit: RateLimit = { burst: 50, perSecond: 20, longestWaitMs: 5000 };

/**
 * Serves `BabelEngine` for one node on a socket in its `run` directory, which only root can enter and the container can write to. A file or
 * link at the path is replaced; error `conflict` with a directory.
 */
export async function serveEngine(path: string, port: EnginePort, limit = callLimit): Promise<EngineServer> {
  const rate = new CallRate(limit);
  const server = createServer(
    connectNodeAdapter({ routes: (router) => engineRoutes(router, port, rate), readMaxBytes: maxMessageBytes }),
  );
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  await freeSocketPlace(path);
  await listenAt(server, path);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const session of sessions) session.destroy();
      }),
  };
}

const noArchives =
  "there are no archives for this node: it runs in dev mode, or its host is not registered with a control plane, which keeps them; register the host with `bvup TOKEN` and launch the node from a pushed image";

function engineRoutes(router: ConnectRouter, port: EnginePort, rate: CallRate): void {
  let told = false;
  const authorize = ({ requestHeader }: HandlerContext): void => {
    if (isAuthorized(port.secret(), requestHeader.get("authorization"))) return;
    if (!told) port.unauthenticated();
    told = true;
    throw new ConnectError("the secret of this node's start is needed", Code.Unauthenticated);
  };
  /** Who has no secret gets no turn, so that nobody else in the container can use up babel's. */
  const admit = async (context: HandlerContext): Promise<void> => {
    authorize(context);
    const wait = rate.take();
    if (wait === undefined) throw new ConnectError("this node asks too often", Code.ResourceExhausted);
    if (wait > 0) await delay(wait, undefined, { signal: context.signal });
  };
  const archives = async (context: HandlerContext): Promise<NodeArchives> => {
    await admit(context);
    const found = await port.archives();
    if (found === undefined) throw new ConnectError(noArchives, Code.NotFound);
    return found;
  };
  router.service(BabelEngine, {
    getDownloadMetadata: async (request, context) => {
      const { dataVersion, totalSize, compression, chunks } = await downloadMetadata(await archives(context), request);
      return { dataVersion, totalSize, chunks, ...(compression ? { compression } : {}) };
    },
    getDownloadChunks: async (request, context) => ({
      chunks: (await downloadChunks(await archives(context), request)).chunks,
    }),
    getUploadSlots: async (request, context) => {
      const { dataVersion, slots } = await uploadSlots(await archives(context), request);
      return { dataVersion, slots };
    },
    putDownloadManifest: async (parts, context) => {
      await putManifest(await archives(context), parts);
      return {};
    },
    ...archiveCalls(async (context) => nodeAccess(await archives(context))),
    upgradeBlockingJobsFinished: async (_, context) => {
      await admit(context);
      port.blockingJobsFinished();
      return {};
    },
    getTransferShare: async ({ job }, context) => {
      await admit(context);
      const share = port.transferShare(job.slice(0, longestJobName));
      return share === undefined ? {} : { bytesPerSecond: BigInt(share) };
    },
    bvError: async ({ message }, context) => {
      await admit(context);
      port.babelError(message.slice(0, 4096));
      return {};
    },
  });
}

function isAuthorized(secret: string | undefined, authorization: string | null): boolean {
  const given = Buffer.from(authorization ?? "");
  const wanted = Buffer.from(`Bearer ${secret ?? ""}`);
  return secret !== undefined && given.length === wanted.length && timingSafeEqual(given, wanted);
}
