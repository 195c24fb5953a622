import { HostArchives } from "../../../cloud/host-archives.ts";
import type { Output } from "../../../output/output.ts";
import { daemonSocketPath } from "../../../place/root.ts";
import { archiveDaemon } from "../archive-daemon.ts";
import { serveEngine } from "./engine-socket.ts";

/** Where the archive tool asks for archives. */
export interface ArchiveEngine extends AsyncDisposable {
  readonly path: string;
  /** Opens the socket; empty where its owner and mode say who may. */
  readonly secret: string;
}

/** The daemon's own socket; where no daemon runs, one of ours with the host's login behind it. */
export async function archiveEngine(out: Output): Promise<ArchiveEngine> {
  if (await archiveDaemon(out)) {
    return { path: daemonSocketPath(), secret: "", [Symbol.asyncDispose]: async () => {} };
  }
  await using open = new AsyncDisposableStack();
  const engine = open.use(await serveEngine(open.use(new HostArchives(out))));
  const kept = open.move();
  return { path: engine.path, secret: engine.secret, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
