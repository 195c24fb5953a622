import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { OperationError } from "@blockvisor/image/container";
import { O_PATH, rootedError, rootedParts } from "./rooted-path.ts";

/**
 * Connects to a unix socket below `root`, following no link: a container that puts a link to a socket of the host in its place
 * gets no connection. Synchronous up to the connection itself, as HTTP/2 clients want it; longer paths than a socket address
 * can hold are no problem either. Errors: `rooted-not-found`, `rooted-link`, `rooted-not-a-socket`, `rooted-not-a-directory`.
 */
export function connectRootedSocket(root: string, path: string): Socket {
  const descriptor = openSocket(root, path);
  const socket = connect({ path: `/proc/self/fd/${descriptor}` });
  let open = true;
  const release = () => {
    if (open) closeSync(descriptor);
    open = false;
  };
  socket.once("connect", release);
  socket.once("close", release);
  return socket;
}

function openSocket(root: string, path: string): number {
  const parts = rootedParts(path);
  const flags = (last: boolean) => constants.O_NOFOLLOW | O_PATH | (last ? 0 : constants.O_DIRECTORY);
  let current = openSync(root, constants.O_DIRECTORY | O_PATH);
  try {
    parts.forEach((part, index) => {
      const next = openPart(`/proc/self/fd/${current}/${part}`, flags(index === parts.length - 1), path);
      closeSync(current);
      current = next;
    });
    const stats = fstatSync(current);
    if (stats.isSymbolicLink()) throw rootedError(Object.assign(new Error(), { code: "ELOOP" }), path);
    if (!stats.isSocket()) throw new OperationError("rooted-not-a-socket", `${path} is no socket in the node`);
    return current;
  } catch (error) {
    closeSync(current);
    throw error;
  }
}

function openPart(entry: string, flags: number, path: string): number {
  try {
    return openSync(entry, flags);
  } catch (error) {
    throw rootedError(error as NodeJS.ErrnoException, path);
  }
}
