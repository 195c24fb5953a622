import type { EffectiveRuleJson } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { portText, portView } from "../../../daemon/port-mapping.ts";
import { type Column, printable } from "../../../output/table.ts";
import { whichNode } from "../which-node.ts";
import type { FirewallOptions } from "./verb.ts";

type RuleView = ReturnType<typeof ruleView>;

const columns: readonly Column<RuleView>[] = [
  { title: "Direction", value: ({ direction }) => direction },
  {
    title: "Action",
    value: ({ action }) => action,
    colour: ({ action }) => (action === "allow" ? "green" : "red"),
  },
  {
    title: "Protocol",
    value: ({ protocol, ports }) => (protocol === "both" ? (ports.length > 0 ? "tcp, udp" : "any") : protocol),
  },
  { title: "Addresses", value: ({ ips }) => (ips.length > 0 ? ips.join(", ") : "any") },
  { title: "Ports", value: ({ ports }) => (ports.length > 0 ? ports.join(", ") : "any") },
  { title: "Rule", value: ({ name, is_default }) => (is_default ? "(default)" : name), colour: "cyan" },
  { title: "Packets", value: ({ packets }) => String(packets), align: "right" },
];

/** `bv node firewall` (host-daemon §6.4, DB-6.3). */
export async function nodeFirewall({
  out,
  args,
  options,
  signal,
}: Call<FirewallOptions, [node?: string]>): Promise<void> {
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, args[0]);
  const found = await daemon.call("GetNodeFirewall", { node }, { signal });
  const rules = (found.rules ?? []).map(ruleView);
  const ports = (found.ports ?? []).map(portView);
  const enforced = found.enforced ?? false;
  const { reason = "", ruleset = "", mode = "" } = found;
  if (options.nft) {
    if (enforced) out.line(ruleset.trimEnd());
  } else {
    out.line(
      `${printable(found.nodeName ?? "")}: ${mode === "host" ? "on the host's network, by control group" : "in its own network"}`,
    );
    out.table(columns, rules);
    if (ports.length > 0) out.line(`Ports of this machine that lead to it: ${ports.map(portText).join(", ")}`);
  }
  if (!enforced) out.line(`Nothing of this is enforced now: ${reason}.`);
  out.document({ node: found.nodeId ?? "", name: found.nodeName ?? "", mode, enforced, reason, rules, ports, ruleset });
}

function ruleView({ rule = {}, isDefault = false, packets = "0", bytes = "0" }: EffectiveRuleJson) {
  return {
    name: rule.name ?? "",
    direction: rule.direction ?? "",
    action: rule.action ?? "",
    protocol: rule.protocol ?? "both",
    ips: rule.ips ?? [],
    ports: rule.ports ?? [],
    is_default: isDefault,
    packets: Number(packets),
    bytes: Number(bytes),
  };
}
