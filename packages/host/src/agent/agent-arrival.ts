import { lstatSync, watch } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { freeSocketPlace } from "./socket-place.ts";

/** Where nothing tells of changes, and for a process that ends without one. */
const lookAgainMs = 25;

/** Waits for the socket of a babel that is being started. */
export interface AgentArrival extends Disposable {
  /** Resolves when the socket is there and something has changed since the last call; at the latest after a moment, with whether it is. */
  next(): Promise<boolean>;
}

const socketName = "babel.sock";

/** Removes the socket of an earlier babel, whose place it would take. Error `conflict`. */
export function awaitAgentSocket(runDirectory: string): AgentArrival {
  const path = join(runDirectory, socketName);
  freeSocketPlace(path);
  let changed = Promise.withResolvers<void>();
  const watcher = watch(runDirectory, { persistent: false }, (_, name) => {
    // Of the other files in there nobody waits for the changes.
    if (name === null || name === socketName) changed.resolve();
  });
  watcher.on("error", () => {}); // Then it is looked at now and then.
  return {
    async next() {
      await Promise.race([changed.promise, pause(lookAgainMs)]);
      changed = Promise.withResolvers();
      return lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
    },
    [Symbol.dispose]: () => watcher.close(),
  };
}
