import { OperationError } from "@blockvisor/image/container";
import { type Cidr, contains, formatCidr, parseCidr } from "../network/index.ts";
import { DEFAULT_COMMENT, ruleComment } from "./effective-rules.ts";
import type { FirewallAction, FirewallConfig, FirewallRule } from "./node-firewall.ts";

/** Most rules a node may have (spec host-daemon §6.4). */
const MAX_FIREWALL_RULES = 128;
/** Most addresses and ports of all rules together: they are sets of the kernel, so their number is what counts, not what is made of it (DB-6.6). */
const MAX_FIREWALL_ELEMENTS = 16_384;

/**
 * Lines of an nft chain for one direction: established traffic, loopback and neighbour discovery pass, then the rules in reverse
 * order, as a later rule of the list wins over an earlier one, then the default. Error `firewall-invalid`.
 */
export function chainRules(config: FirewallConfig, direction: "in" | "out"): readonly string[] {
  const loopback = direction === "in" ? "iifname" : "oifname";
  const rules = config.rules.filter((rule) => rule.direction === direction).toReversed();
  return [
    "ct state established,related accept",
    `${loopback} "lo" accept`,
    "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept",
    ...rules.flatMap(ruleLines),
    ...verdicts(direction === "in" ? config.default_in : config.default_out).map(({ only, verdict }) =>
      words(only, "counter", verdict, `comment "${DEFAULT_COMMENT}"`),
    ),
  ];
}

/** Refuses what the kernel would misread or nft would refuse, with the name of the rule. Error `firewall-invalid`. */
export function checkFirewall(config: FirewallConfig): void {
  if (config.rules.length > MAX_FIREWALL_RULES) {
    throw invalid(
      `can't configure more than ${MAX_FIREWALL_RULES} rules!`,
      "merge rules: each may have many ips and ports",
    );
  }
  const size = config.rules.reduce((sum, { ips, ports }) => sum + ips.length + ports.length, 0);
  if (size > MAX_FIREWALL_ELEMENTS) {
    throw invalid(
      `firewall rules name ${size} ips and ports, more than ${MAX_FIREWALL_ELEMENTS}`,
      "name networks, as 1.2.3.0/24, instead of their addresses, or leave ports out",
    );
  }
  const names = new Set<string>();
  for (const { name, ips, ports } of config.rules) {
    if (names.has(name)) throw invalid(`two firewall rules have the name '${name}'`, "give each its own name");
    names.add(name);
    for (const ip of ips) {
      if (!parseCidr(ip))
        throw invalid(`invalid ip address \`${ip}\` in firewall rule \`${name}\``, "write it as 1.2.3.0/24");
    }
    for (const port of ports) {
      if (Number.isInteger(port) && port >= 1 && port <= 65_535) continue;
      throw invalid(`invalid port ${port} in firewall rule \`${name}\``, "ports are numbers from 1 to 65535");
    }
  }
}

function ruleLines(rule: FirewallRule): readonly string[] {
  const other = rule.direction === "in" ? "saddr" : "daddr";
  const lines: string[] = [];
  for (const addresses of addressMatches(rule.ips, other)) {
    for (const { only, verdict } of verdicts(rule.action, rule.protocol)) {
      const protocol = only || protocolMatch(rule);
      lines.push(
        words(addresses, protocol, portMatch(rule.ports), "counter", verdict, `comment "${ruleComment(rule.name)}"`),
      );
    }
  }
  return lines;
}

/** One match per address family; none at all (`""`) for a rule about everyone. */
function addressMatches(ips: readonly string[], field: "saddr" | "daddr"): readonly string[] {
  const networks = ips.map(parseCidr).filter((cidr) => cidr !== undefined);
  if (networks.length === 0) return [""];
  return ([4, 6] as const).flatMap((family) => {
    const set = withoutNested(networks.filter((network) => network.family === family)).map(formatCidr);
    return set.length === 0 ? [] : [`${family === 4 ? "ip" : "ip6"} ${field} { ${set.join(", ")} }`];
  });
}

/** nft refuses overlapping networks in one set; networks either nest or have nothing in common. */
function withoutNested(networks: readonly Cidr[]): readonly Cidr[] {
  return networks.filter(
    (network, index) =>
      !networks.some(
        (other, position) =>
          position !== index && contains(other, network) && !(contains(network, other) && position > index),
      ),
  );
}

interface Verdict {
  /** Match that limits the verdict to one protocol; empty: none. */
  readonly only: string;
  readonly verdict: string;
}

/** A reject is told in the way of the protocol, so it becomes two rules where both may match. */
function verdicts(action: FirewallAction, protocol?: FirewallRule["protocol"]): readonly Verdict[] {
  if (action === "allow") return [{ only: "", verdict: "accept" }];
  if (action === "deny") return [{ only: "", verdict: "drop" }];
  const tcp = { only: "meta l4proto tcp", verdict: "reject with tcp reset" };
  const rest = { only: "", verdict: "reject with icmpx admin-prohibited" };
  return protocol === "tcp" ? [tcp] : protocol === "udp" ? [rest] : [tcp, rest];
}

function protocolMatch({ protocol, ports }: FirewallRule): string {
  if (protocol === "tcp" || protocol === "udp") return `meta l4proto ${protocol}`;
  // Ports exist only in these two; without ports the rule is about every protocol.
  return ports.length > 0 ? "meta l4proto { tcp, udp }" : "";
}

function portMatch(ports: readonly number[]): string {
  return ports.length === 0 ? "" : `th dport { ${[...new Set(ports)].join(", ")} }`;
}

function words(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(" ");
}

function invalid(message: string, fix: string): OperationError {
  return new OperationError("firewall-invalid", message, { fix });
}
