import { HostError } from "../errors/host-error.ts";
import { requireData } from "./data-place.ts";
import type { NodeActor } from "./node-actor.ts";
import { refuseHeld } from "./node-hold.ts";

/**
 * Lets a clone read a node's data. Nothing else is done with the node meanwhile. Without `stop` the processes of a running node are frozen
 * for as long as it takes: what is copied is what a power cut at that moment would leave. With it the node goes down in order and comes up
 * again afterwards, also when the daemon is killed in between. Error `busy` while something else works on the data.
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
    await lender.exclusively(async () => {
      await refuseHeld(lender);
      await heldStill(lender, work);
    });
  } finally {
    if (goesDown) await lender.operate({ kind: "start", change: () => ({ paused: false }), origin: "local" });
  }
}

async function heldStill({ id, parts }: NodeActor, work: (directory: string) => Promise<void>): Promise<void> {
  const { cgroups } = parts.host;
  const data = await requireData(parts.paths, parts.state());
  await cgroups.freeze(id);
  try {
    await work(data);
  } finally {
    await cgroups.thaw(id);
  }
}
