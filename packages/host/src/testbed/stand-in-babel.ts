import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type ServerHttp2Session } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { Babel, BabelJobs } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";

/** A `run` directory in which something answers in babel's place: for failures that the real one cannot be made to have. */
export async function standInBabel(t: TestContext) {
  const runDirectory = await mkdtemp(join(tmpdir(), "bv-stand-in-babel-"));
  t.after(() => rm(runDirectory, { recursive: true }));
  const sessions = new Set<ServerHttp2Session>();
  const listen = async (
    babel: Partial<ServiceImpl<typeof Babel>>,
    jobs: Partial<ServiceImpl<typeof BabelJobs>> = {},
  ): Promise<void> => {
    const routes = connectNodeAdapter({ routes: (router) => router.service(Babel, babel).service(BabelJobs, jobs) });
    const server = createServer(routes).on("session", (session) => sessions.add(session));
    server.listen(join(runDirectory, "babel.sock"));
    await once(server, "listening");
    t.after(() => {
      for (const session of sessions) session.destroy();
      server.close();
    });
  };
  /** Its connections end as they do when babel is killed. */
  const die = (): never => {
    for (const session of sessions) session.destroy();
    throw new ConnectError("killed", Code.Aborted);
  };
  return { runDirectory, listen, die };
}
