import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type ServerHttp2Session } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BabelEngine } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { HostArchives } from "../../../cloud/host-archives.ts";
import type { ArchiveEngine } from "./archive-engine.ts";

const maxMessageBytes = 32 << 20;

/**
 * What the archive tool asks the daemon for, where none runs: the archive calls of `BabelEngine`, with this host's login behind them. On a socket that only we can open, with a secret that only the tool gets.
 */
export async function serveEngine(archives: HostArchives): Promise<ArchiveEngine> {
  const folder = mkdtempSync(join(tmpdir(), "bv-archive-"));
  const path = join(folder, "engine.sock");
  const secret = randomBytes(24).toString("base64url");
  const server = createServer(
    connectNodeAdapter({ routes: (router) => routes(router, archives, secret), readMaxBytes: maxMessageBytes }),
  );
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(path, resolve));
  return {
    path,
    secret,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => {
          rmSync(folder, { recursive: true, force: true });
          resolve();
        });
        for (const session of sessions) session.destroy();
      }),
  };
}

function routes(router: ConnectRouter, archives: HostArchives, secret: string): void {
  const service = ({ requestHeader }: HandlerContext) => {
    if (requestHeader.get("authorization") !== `Bearer ${secret}`)
      throw new ConnectError("not ours", Code.Unauthenticated);
    return archives.service();
  };
  // What the tool is told is what the API said: it knows which of it is worth another try.
  router.service(BabelEngine, {
    getSlots: async (request, context) => (await service(context)).getSlots(request, forward(context)),
    getStoredChunks: async (request, context) => (await service(context)).getStoredChunks(request, forward(context)),
    putManifest: async (parts, context) => (await service(context)).putManifest(parts, forward(context)),
    releaseUpload: async (request, context) => (await service(context)).releaseUpload(request, forward(context)),
    getManifest: async (request, context) => (await service(context)).getManifest(request, forward(context)),
    getChunks: async (request, context) => (await service(context)).getChunks(request, forward(context)),
  });
}

/** Ends with the call it serves, and has its deadline. */
function forward({ signal, timeoutMs }: HandlerContext) {
  const left = timeoutMs();
  return { signal, ...(left === undefined ? {} : { timeoutMs: left }) };
}
