import type { FirewallConfig, FirewallRule } from "./node-firewall.ts";

/** A rule as the kernel tries it, with what it has matched since it was loaded. */
export interface EffectiveRule {
  readonly rule: FirewallRule;
  readonly isDefault: boolean;
  readonly packets: number;
  readonly bytes: number;
}

interface Count {
  packets: number;
  bytes: number;
}

/** In, then out, each in the order in which the kernel tries them: the last rule of the list first, the default at the end. */
export function effectiveRules(config: FirewallConfig, ruleset: string): readonly EffectiveRule[] {
  const counts = countsIn(ruleset);
  return (["in", "out"] as const).flatMap((direction) => {
    const rules = config.rules.filter((rule) => rule.direction === direction).toReversed();
    const action = direction === "in" ? config.default_in : config.default_out;
    const last: FirewallRule = { name: "default", action, direction, protocol: "both", ips: [], ports: [] };
    const count = (name: string): Count => counts.get(`${direction} ${name}`) ?? { packets: 0, bytes: 0 };
    return [
      ...rules.map((rule) => ({ rule, isDefault: false, ...count(ruleComment(rule.name)) })),
      { rule: last, isDefault: true, ...count(DEFAULT_COMMENT) },
    ];
  });
}

/** Names come from images and the API; nft's strings have no escapes. */
export function ruleComment(name: string): string {
  return name.replace(/[^\w .:/-]/g, "?").slice(0, 100);
}

/** No rule's comment: it has characters that those have not. */
export const DEFAULT_COMMENT = "(default)";

/** `direction comment` → what all lines with that comment have counted; a rule may be several lines. */
function countsIn(ruleset: string): ReadonlyMap<string, Count> {
  const counts = new Map<string, Count>();
  let direction = "";
  for (const line of ruleset.split("\n")) {
    const chain = /^\s*chain (\w+) \{/.exec(line)?.[1];
    if (chain !== undefined) direction = /^(node_)?in(put)?$/.test(chain) ? "in" : "out";
    const counted = /\bcounter packets (\d+) bytes (\d+) .*comment "([^"]*)"/.exec(line);
    if (!counted) continue;
    const key = `${direction} ${counted[3]}`;
    const { packets, bytes } = counts.get(key) ?? { packets: 0, bytes: 0 };
    counts.set(key, { packets: packets + Number(counted[1]), bytes: bytes + Number(counted[2]) });
  }
  return counts;
}
