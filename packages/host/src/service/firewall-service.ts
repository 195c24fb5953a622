import type { HostService, NodeFirewallSchema } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { type EffectiveRule, effectiveRules, type FirewallTarget } from "../firewall/index.ts";
import { type NodeHost, usesHostNetwork } from "../node/node-host.ts";
import type { NodeState } from "../node/node-state.ts";
import { portMessages } from "./node-message.ts";
import type { ServiceContext } from "./service-context.ts";

/** What is let in and out of nodes. */
export function firewallService({
  host,
  nodes,
}: ServiceContext): Pick<ServiceImpl<typeof HostService>, "getNodeFirewall"> {
  return {
    getNodeFirewall: async ({ node }) => nodeFirewall(host, nodes.find(node, "show the firewall of").snapshot().state),
  };
}

async function nodeFirewall(host: NodeHost, state: NodeState): Promise<MessageInitShape<typeof NodeFirewallSchema>> {
  const mode = usesHostNetwork(host, state) ? "host" : "bridged";
  const target = await targetOf(host, state);
  const ruleset = "reason" in target ? undefined : await host.firewall.show(state.id, target);
  const lost = "the kernel has no rules for it: something else has removed them; restart the daemon to load them again";
  return {
    nodeId: state.id,
    nodeName: state.name,
    mode,
    enforced: ruleset !== undefined,
    reason: ruleset !== undefined ? "" : "reason" in target ? target.reason : lost,
    rules: effectiveRules(state.firewall, ruleset ?? "").map(ruleMessage),
    ruleset: ruleset ?? "",
    ports: portMessages(state),
  };
}

/** Where a node's rules are, or why there are none. */
async function targetOf(host: NodeHost, state: NodeState): Promise<FirewallTarget | { readonly reason: string }> {
  if (usesHostNetwork(host, state)) {
    const cgroup = host.cgroups.socketMatch(state.id);
    if (cgroup) return { kind: "host", cgroup };
    return { reason: "a node on the host's network is told apart by cgroup version 2, which this machine has not" };
  }
  const network = await host.network.inspect(state.id);
  return network ? { kind: "bridged", ...network } : { reason: "the node does not run: it has no network" };
}

function ruleMessage({ rule, isDefault, packets, bytes }: EffectiveRule) {
  const { name, action, direction, protocol, ips, ports } = rule;
  return {
    rule: { name, action, direction, protocol: protocol ?? "both", ips: [...ips], ports: [...ports] },
    isDefault,
    packets: BigInt(packets),
    bytes: BigInt(bytes),
  };
}
