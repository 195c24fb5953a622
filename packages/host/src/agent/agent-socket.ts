import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { connect, type Socket } from "node:net";

/** Linux's O_PATH, which Node does not name: a handle on the file itself, whatever it is. */
const openPathOnly = 0o10000000;

/**
 * Connects to a socket in a directory that the container can write to. The file is pinned first and must itself be a socket:
 * a link the container put there could lead to any other socket of the host (spec host-daemon S3).
 */
export function connectPinned(path: string): Socket {
  let file: number;
  try {
    file = openSync(path, openPathOnly | constants.O_NOFOLLOW);
  } catch {
    return refused();
  }
  if (!fstatSync(file).isSocket()) {
    closeSync(file);
    return refused();
  }
  const socket = connect({ path: `/proc/self/fd/${file}` });
  let open = true;
  const release = (): void => {
    if (open) closeSync(file);
    open = false;
  };
  return socket.once("connect", release).once("close", release);
}

/** A socket that fails the way a connection to nothing fails. */
function refused(): Socket {
  return connect({ path: "/proc/self/fd/none" });
}
