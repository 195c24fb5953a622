import { timingSafeEqual } from "node:crypto";
import { chmod, rm } from "node:fs/promises";
import { createServer, type ServerHttp2Session } from "node:http2";
import { BabelEngine } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { listenAt } from "../place/listen-at.ts";
import { downloadChunks, downloadMetadata, type NodeArchives, putManifest, uploadSlots } from "./engine-archives.ts";

/** What one node's babel may ask of the host. Read at each call, so a change of the node needs no new server. */
export interface EnginePort {
  /** The secret of the node's current start. */
  secret(): string | undefined;
  /** Undefined: the node has no control plane. */
  archives(): NodeArchives | undefined;
  blockingJobsFinished(): void;
  babelError(message: string): void;
}

export interface EngineServer {
  close(): Promise<void>;
}

const maxMessageBytes = 32 * 1024 * 1024;

/** Serves `BabelEngine` for one node on a socket in its `run` directory. Whatever is at the path is replaced. */
export async function serveEngine(path: string, port: EnginePort): Promise<EngineServer> {
  const server = createServer(
    connectNodeAdapter({ routes: (router) => engineRoutes(router, port), readMaxBytes: maxMessageBytes }),
  );
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  await rm(path, { force: true, recursive: true });
  await listenAt(server, path);
  await chmod(path, 0o600);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const session of sessions) session.destroy();
      }),
  };
}

function engineRoutes(router: ConnectRouter, port: EnginePort): void {
  const archives = (context: HandlerContext): NodeArchives => {
    authorize(port, context);
    const found = port.archives();
    if (found === undefined) throw new ConnectError("this node has no control plane, so no archives", Code.NotFound);
    return found;
  };
  router.service(BabelEngine, {
    getDownloadMetadata: async (request, context) => {
      const { dataVersion, totalSize, compression, chunks } = await downloadMetadata(archives(context), request);
      return { dataVersion, totalSize, chunks, ...(compression ? { compression } : {}) };
    },
    getDownloadChunks: async (request, context) => ({
      chunks: (await downloadChunks(archives(context), request)).chunks,
    }),
    getUploadSlots: async (request, context) => {
      const { dataVersion, slots } = await uploadSlots(archives(context), request);
      return { dataVersion, slots };
    },
    putDownloadManifest: async (parts, context) => {
      await putManifest(archives(context), parts);
      return {};
    },
    upgradeBlockingJobsFinished: (_, context) => {
      authorize(port, context);
      port.blockingJobsFinished();
      return {};
    },
    bvError: ({ message }, context) => {
      authorize(port, context);
      port.babelError(message.slice(0, 4096));
      return {};
    },
  });
}

function authorize(port: EnginePort, { requestHeader }: HandlerContext): void {
  const secret = port.secret();
  const given = Buffer.from(requestHeader.get("authorization") ?? "");
  const wanted = Buffer.from(`Bearer ${secret ?? ""}`);
  if (secret === undefined || given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
    throw new ConnectError("the secret of this node's start is needed", Code.Unauthenticated);
  }
}
