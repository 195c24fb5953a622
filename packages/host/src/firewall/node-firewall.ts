import type { CgroupSocketMatch } from "../cgroups/index.ts";

/**
 * One atomic nftables ruleset per node (spec host-daemon §6.4, DB-6.1 … DB-6.6). A later rule of the list wins over an earlier one;
 * the defaults come last. Applying is a single transaction: after any crash the old or the new rules are in force, never a mix.
 *
 * Errors: `firewall-invalid` (rule, address or port), `firewall-not-enforced` (kernel or nft lacks what is needed), `tool-missing`.
 */
export interface NodeFirewall {
  apply(nodeId: string, target: FirewallTarget, config: FirewallConfig): Promise<void>;
  /** Whether these rules were loaded for this very target, by whatever daemon; whether the kernel still has them is what `lost` tells. */
  holds(nodeId: string, target: FirewallTarget, config: FirewallConfig): Promise<boolean>;
  /** What the kernel enforces for the node now, as nft prints it; `undefined`: nothing. */
  show(nodeId: string, target: FirewallTarget): Promise<string | undefined>;
  /** Also removes what is left of a node whose network is gone. */
  remove(nodeId: string, target?: FirewallTarget): Promise<void>;
  /** Ids of nodes with rules of this installation (for cleaning up orphans). */
  list(): Promise<readonly string[]>;
  /**
   * Of these, the nodes whose rules on the host something else has removed: a flush of all rules, another firewall (DB-6.1). `present`: the
   * tables that are there.
   */
  lost(present: ReadonlySet<string>): Promise<readonly string[]>;
}

export type FirewallTarget =
  /** Rules live in the node's own network namespace; the host's end of the pair refuses forged addresses. */
  | {
      readonly kind: "bridged";
      readonly namespacePath: string;
      readonly hostInterface: string;
      readonly mac: string;
      readonly addresses: readonly string[];
    }
  /** Rules match the sockets of the container's cgroup (`NodeCgroups.socketMatch`), never the host's own address (DB-6.5). */
  | { readonly kind: "host"; readonly cgroup: CgroupSocketMatch };

export type FirewallAction = "allow" | "deny" | "reject";

export interface FirewallConfig {
  readonly default_in: FirewallAction;
  readonly default_out: FirewallAction;
  /** At most 128. */
  readonly rules: readonly FirewallRule[];
}

export interface FirewallRule {
  readonly name: string;
  readonly action: FirewallAction;
  readonly direction: "in" | "out";
  /** null, absent: both. */
  readonly protocol?: "tcp" | "udp" | "both" | null;
  /** Addresses or CIDRs of the other side; empty: any. */
  readonly ips: readonly string[];
  /** 1–65535; empty: all. */
  readonly ports: readonly number[];
}
