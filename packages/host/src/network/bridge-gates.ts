import { formatCidr, parseCidr } from "./addresses.ts";
import { admitForwarding, hideSubnet, showSubnet, withdrawForwarding } from "./forwarding.ts";
import type { BridgeSpec } from "./node-network.ts";

/** Docker may come, and with it its policy, while nodes start. */
const CHECK_MS = 10_000;

/** What lets the nodes of a bridge reach beyond it: there from the first node on, gone with the last. */
export interface BridgeGates {
  /** How the bridge is to be opened; opens nothing. */
  remember(spec: BridgeSpec): void;
  open(bridge: string): Promise<void>;
  close(bridge: string): Promise<void>;
}

export function createBridgeGates(): BridgeGates {
  const hidden = new Map<string, string>();
  const opened = new Map<string, number>();
  let last: Promise<void> = Promise.resolve();

  /** One change after another: nodes come and go at the same time. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  }

  return {
    remember({ name, address = "", masquerade = false }) {
      const subnet = parseCidr(address);
      if (masquerade && subnet?.family === 4) hidden.set(name, formatCidr(subnet));
      else hidden.delete(name);
    },

    open: (bridge) =>
      inTurn(async () => {
        const at = opened.get(bridge);
        if (at !== undefined && performance.now() - at < CHECK_MS) return;
        const subnet = hidden.get(bridge);
        await Promise.all([subnet === undefined ? undefined : hideSubnet(bridge, subnet), admitForwarding(bridge)]);
        opened.set(bridge, performance.now());
      }),

    close: (bridge) =>
      inTurn(async () => {
        opened.delete(bridge);
        await showSubnet(bridge);
        await withdrawForwarding(bridge);
      }),
  };
}
