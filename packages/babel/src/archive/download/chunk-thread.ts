import { parentPort, workerData } from "node:worker_threads";
import { KeptConnections } from "../transfer/get-object.ts";
import { SharedProgress } from "../transfer/retry.ts";
import { Throttle } from "../transfer/throttle.ts";
import { Windows } from "../transfer/windows.ts";
import { ChunkFetch, type FetchContext } from "./chunk-fetch.ts";
import { type FromThread, type ThreadData, type ToThread, TransferCounters } from "./orders.ts";
import { Tree } from "./tree.ts";

const OUTPUT = 1024 * 1024;

/**
 * A thread that fetches, hashes, decompresses and writes chunks, several at a time. Everything but the network is synchronous and without garbage;
 * a write that the disk holds up holds up this thread only. (D4-17, D4-18)
 */
function serve(port: NonNullable<typeof parentPort>, data: ThreadData): void {
  const context: FetchContext = {
    connections: new KeptConnections(),
    throttle: new Throttle(data.throttle),
    progress: new SharedProgress(data.progress),
    counters: new TransferCounters(data.counters),
    windows: new Windows(data.windows),
    retry: data.retry,
    stall: data.stall,
    output: Buffer.allocUnsafeSlow(OUTPUT),
    tell: (message: FromThread) => port.postMessage(message),
  };
  const trees = new Map<string, Tree>();
  const fetches = new Map<number, ChunkFetch>();
  port.on("message", (message: ToThread) => {
    if (message.kind === "fetch") {
      const { root, owner } = message.order;
      const tree = trees.get(root) ?? new Tree(root, owner);
      trees.set(root, tree);
      const fetch = new ChunkFetch(message.id, message.order, tree, context);
      fetches.set(message.id, fetch);
      void fetch.run().finally(() => fetches.delete(message.id));
    } else if (message.kind === "url") fetches.get(message.id)?.renew(message.url);
    else if (message.kind === "park") fetches.get(message.id)?.park(message.parked);
    else fetches.get(message.id)?.cancel();
  });
}

if (parentPort !== null) serve(parentPort, workerData as ThreadData);
