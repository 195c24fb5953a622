import { type Cidr, parseCidr } from "./addresses.ts";
import { admitForwarding, hideSubnets, isHiding, showSubnets, withdrawForwarding } from "./forwarding.ts";
import { keepForwarding } from "./keep-forwarding.ts";
import { presentTables } from "./nft-tables.ts";
import type { BridgeSpec } from "./node-network.ts";

/** Docker may come, and with it its policy, while nodes start. */
const CHECK_MS = 10_000;

/** What lets the nodes of a bridge reach beyond it: there from the first node that starts on, gone with the last that is deleted. */
export interface BridgeGates {
  /** How the bridge is to be opened; opens nothing. */
  remember(spec: BridgeSpec): void;
  open(bridge: string): Promise<void>;
  /** Opens it again where what was done is not there any more; whether it was missing. `present`: the tables there are. */
  reopen(bridge: string, present: ReadonlySet<string>): Promise<boolean>;
  close(bridge: string): Promise<void>;
}

/** `sysctlFile`: where it is kept that the machine forwards; absent: nowhere. */
export function createBridgeGates(sysctlFile: string | undefined): BridgeGates {
  const hidden = new Map<string, readonly Cidr[]>();
  const opened = new Map<string, number>();
  let last: Promise<void> = Promise.resolve();

  /** One change after another: nodes come and go at the same time. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = last.then(work);
    last = turn.then(
      () => {},
      () => {},
    );
    return turn;
  }

  return {
    remember({ name, addresses }) {
      const subnets = addresses
        .filter(({ masquerade }) => masquerade)
        .flatMap(({ address }) => parseCidr(address) ?? []);
      hidden.set(name, subnets);
    },

    open: (bridge) =>
      inTurn(async () => {
        const at = opened.get(bridge);
        if (at !== undefined && performance.now() - at < CHECK_MS) return;
        const subnets = hidden.get(bridge) ?? [];
        // For the machine's next start: nothing here waits for it.
        if (sysctlFile !== undefined && subnets.length > 0)
          void keepForwarding(sysctlFile, new Set(subnets.map(({ family }) => family)));
        // Asking which tables there are costs a start less than loading them again, or than asking iptables where nothing of it filters.
        const present = await presentTables();
        const isHidden = at === undefined ? subnets.length === 0 : isHiding(bridge, subnets, present);
        await Promise.all([isHidden ? undefined : hideSubnets(bridge, subnets), admitForwarding(bridge, present)]);
        opened.set(bridge, performance.now());
      }),

    reopen: (bridge, present) =>
      inTurn(async () => {
        const missing = !isHiding(bridge, hidden.get(bridge) ?? [], present);
        if (missing) await hideSubnets(bridge, hidden.get(bridge) ?? []);
        return (await admitForwarding(bridge, present)) || missing;
      }),

    close: (bridge) =>
      inTurn(async () => {
        opened.delete(bridge);
        await showSubnets(bridge);
        await withdrawForwarding(bridge);
      }),
  };
}
