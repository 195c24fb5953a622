import type { DaemonClient } from "../../daemon/client.ts";
import type { NodeView } from "../../daemon/node-view.ts";
import { Failure } from "../../failure/failure.ts";

/** Why recovery had something to do. */
export interface FaultView {
  readonly time: string;
  readonly message: string;
}

/** A recovery takes a dozen events at most: as far back as this it is worth telling. */
const newestEvents = 500;

/** What was found wrong with a node last; null when nothing was, or the node is not here. */
export async function lastFault(daemon: DaemonClient, node: NodeView, signal: AbortSignal): Promise<FaultView | null> {
  if (node.remote) return null;
  const request = { node: node.id, limit: newestEvents, follow: false };
  let last: FaultView | null = null;
  try {
    for await (const { kind, time = "", message = "" } of daemon.stream("ListNodeEvents", request, { signal })) {
      if (kind === "found") last = { time, message };
    }
  } catch (error) {
    // Deleted meanwhile, say: what else is known of it is worth showing.
    if (!(error instanceof Failure) || error.kind === "daemon-unreachable") throw error;
  }
  return last;
}
