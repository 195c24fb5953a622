import { HostError } from "../errors/host-error.ts";
import type { NodeActor } from "./node-actor.ts";
import { dataOf } from "./node-data.ts";

/**
 * Lets a clone read a node's data. Nothing else is done with the node meanwhile. Without `stop` the processes of a running node are frozen
 * for as long as it takes: what is copied is what a power cut at that moment would leave. With it the node goes down in order and comes up
 * again afterwards, also when the daemon is killed in between.
 */
export async function lendData(
  lender: NodeActor | undefined,
  stop: boolean,
  work: (directory: string) => Promise<void>,
): Promise<void> {
  if (lender === undefined) {
    throw new HostError("not_found", "the node whose data are to be copied does not exist any more", {
      hint: "clone another node",
    });
  }
  const goesDown = stop && lender.snapshot().state.expected_status === "Running";
  if (goesDown) await lender.operate({ kind: "stop", change: () => ({ paused: true }), origin: "local" });
  try {
    await lender.exclusively(() => heldStill(lender, work));
  } finally {
    if (goesDown) await lender.operate({ kind: "start", change: () => ({ paused: false }), origin: "local" });
  }
}

async function heldStill({ id, parts }: NodeActor, work: (directory: string) => Promise<void>): Promise<void> {
  const { cgroups } = parts.host;
  await cgroups.freeze(id);
  try {
    await work(dataOf(parts.paths, parts.state()));
  } finally {
    await cgroups.thaw(id);
  }
}
