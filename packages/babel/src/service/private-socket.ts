import { chmodSync, renameSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { ensureFolder } from "../files/durable.ts";

/** Listens on a socket of mode 0600. Whoever sees it at its place can talk to it: between its making and listening, others are refused. */
export async function listenPrivately(path: string, onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer(onConnection);
  await ensureFolder(dirname(path));
  const making = `${path}.new`;
  rmSync(making, { force: true });
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(making, resolve);
    });
  } finally {
    process.umask(umask);
  }
  chmodSync(making, 0o600);
  renameSync(making, path);
  return server;
}
