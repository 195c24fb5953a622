import type { clientOf } from "../packages/host/src/testbed/daemon-process.ts";

/** Steps until babel is set up: it was told when it was started, or is told by a call. What comes after is the protocol's own. */
const untilReady = new Set([
  ...["serve_engine", "set_up_network", "apply_firewall", "start_container"],
  ...["start_agent", "configure_agent"],
]);

/** Starts a node. `ready` resolves when its babel is set up, `whole` when the start is over. */
export function startNode(
  daemon: ReturnType<typeof clientOf>,
  node: string,
): { readonly ready: Promise<void>; readonly whole: Promise<void> } {
  const { promise: set, resolve } = Promise.withResolvers<void>();
  const whole = (async () => {
    for await (const { event } of daemon.startNode({ node })) {
      if (event.case === "step" && !untilReady.has(event.value.step)) resolve();
    }
  })();
  return { ready: Promise.race([set, whole]), whole };
}
