import type { HostService } from "@blockvisor/wire/blockvisor/host/v1/host";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { HostError } from "../errors/host-error.ts";
import type { NodeActor } from "../node/node-actor.ts";
import type { ServiceContext } from "./service-context.ts";

const leaseSecs = { default: 600, most: 3_600 } as const;

/** What whoever replaces the daemon asks first (spec host-daemon DB-3.2). */
export function updateService({
  nodes,
  status,
}: Pick<ServiceContext, "nodes" | "status">): Pick<ServiceImpl<typeof HostService>, "startUpdate"> {
  const told = () => {
    const ends = status.updateEndsAt;
    const busyNodes = nodes
      .snapshots()
      .filter(({ state }) => isBusy(nodes.get(state.id)))
      .map(({ state }) => state.name);
    return { status: status.current, busyNodes, ...(ends ? { leaseEndsAt: timestampFromDate(ends) } : {}) };
  };
  return {
    startUpdate: async function* ({ leaseSecs: secs, cancel }, { signal }) {
      if (secs > leaseSecs.most) {
        throw new HostError("invalid", `lease_secs: at most ${leaseSecs.most}`, {
          hint: "ask again before it is over",
        });
      }
      if (cancel) {
        status.endUpdate();
        yield told();
        return;
      }
      status.beginUpdate((secs || leaseSecs.default) * 1_000);
      for await (const _ of status.watch(signal)) {
        const now = told();
        yield now;
        if (now.busyNodes.length === 0 || now.leaseEndsAt === undefined) return;
      }
    },
  };
}

/** Something is done with it, or waits to be. */
function isBusy(actor: NodeActor | undefined): boolean {
  return actor !== undefined && (actor.snapshot().operation !== undefined || actor.effort.waiting > 0);
}
