import { connect, type Socket } from "node:net";
import { connectRootedSocket } from "../rootfs/index.ts";

/** Connects to the babel.sock of a node's `run` directory, which the container can write to (spec host-daemon S3). */
export function connectAgent(runDirectory: string): Socket {
  try {
    return connectRootedSocket(runDirectory, "babel.sock");
  } catch {
    // HTTP/2 clients expect failures from the socket: this one fails like a connection to nothing.
    return connect({ path: "/proc/self/fd/none" });
  }
}
