import { closeSync, constants, openSync } from "node:fs";
import type { Server } from "node:net";
import { basename, dirname } from "node:path";

const O_PATH = 0o10000000;

/**
 * Listens on a unix socket whose path may be longer than the 107 bytes that a socket address holds: it is named by its folder's
 * descriptor, which stays open as long as the server (closing unlinks the socket under the same name).
 */
export async function listenAt(server: Server, path: string): Promise<void> {
  const folder = openSync(dirname(path), constants.O_DIRECTORY | O_PATH);
  const release = () => closeSync(folder);
  await new Promise<void>((resolve, reject) => {
    const refused = (error: Error) => {
      release();
      reject(error);
    };
    server.once("error", refused);
    server.listen(`/proc/self/fd/${folder}/${basename(path)}`, () => {
      server.off("error", refused);
      server.once("close", release);
      resolve();
    });
  });
}
