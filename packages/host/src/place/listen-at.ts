import { closeSync, constants, openSync } from "node:fs";
import { chmod, chown, readFile, rm } from "node:fs/promises";
import type { Server } from "node:net";
import { basename, dirname } from "node:path";

const O_PATH = 0o10000000;

/**
 * Listens on a unix socket whose path may be longer than the 107 bytes that a socket address holds: it is named by its folder's
 * descriptor, which stays open as long as the server (closing unlinks the socket under the same name). Nobody but root can connect to it.
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
    // The socket is made at once, with its mode: to change that afterwards would follow whatever a container puts in its place.
    const umask = process.umask(0o177);
    server.listen(`/proc/self/fd/${folder}/${basename(path)}`, () => {
      server.off("error", refused);
      server.once("close", release);
      resolve();
    });
    process.umask(umask);
  });
}

/** As `listenAt`, for root and the group `blockvisor` only (0660), in the place of a socket that an earlier daemon has left. */
export async function listenForGroup(server: Server, path: string): Promise<void> {
  await rm(path, { force: true });
  await listenAt(server, path);
  await chmod(path, 0o660);
  await chown(path, 0, await serviceGroup());
}

/** Id of the group `blockvisor`; where there is none, root's. */
export async function serviceGroup(): Promise<number> {
  const groups = await readFile("/etc/group", "utf8").catch(() => "");
  const line = groups.split("\n").find((entry) => entry.startsWith("blockvisor:"));
  return Number(line?.split(":")[2] ?? 0);
}
