import { isIP } from "node:net";
import {
  FirewallAction,
  type FirewallConfig,
  FirewallConfigSchema,
  FirewallDirection,
  FirewallProtocol,
  type FirewallRule,
} from "@blockvisor/wire/blockjoy/common/v1/config";
import { create } from "@bufbuild/protobuf";
import { invalidArgument } from "../rpc-error.ts";
import { shorten, text } from "../wire-fields.ts";

const mostRules = 64;
const mostPerRule = 128;

/** @throws INVALID_ARGUMENT naming what is wrong (spec §0.5, CA-2.47, CA-5.8) */
export function checkedFirewall(firewall: FirewallConfig | undefined, field = "firewall"): FirewallConfig {
  if (firewall === undefined) throw invalidArgument(field);
  if (firewall.defaultIn === FirewallAction.UNSPECIFIED)
    throw invalidArgument("action", `${field}.default_in is missing`);
  if (firewall.defaultOut === FirewallAction.UNSPECIFIED)
    throw invalidArgument("action", `${field}.default_out is missing`);
  checkRules(firewall.rules, `${field}.rules`);
  return firewall;
}

export function checkRules(rules: readonly FirewallRule[], field: string): void {
  if (rules.length > mostRules) throw invalidArgument(field, `has more than ${mostRules} rules`);
  const seen = new Set<string>();
  for (const rule of rules) {
    const at = `rule '${shorten(rule.key)}'`;
    text(rule.key, `${field}.key`, { min: 1, max: 128 });
    text(rule.description ?? "", `${field}.description`, { max: 1024 });
    if (seen.has(rule.key)) throw invalidArgument(field, `${at} is given twice`);
    seen.add(rule.key);
    if (rule.protocol === FirewallProtocol.UNSPECIFIED) throw invalidArgument("protocol", `${at} has none`);
    if (rule.direction === FirewallDirection.UNSPECIFIED) throw invalidArgument("direction", `${at} has none`);
    if (rule.action === FirewallAction.UNSPECIFIED) throw invalidArgument("action", `${at} has none`);
    if (rule.ips.length > mostPerRule || rule.ports.length > mostPerRule) {
      throw invalidArgument(field, `${at} has more than ${mostPerRule} addresses or ports`);
    }
    for (const { ip } of rule.ips) {
      if (!isAddressOrCidr(ip)) throw invalidArgument("ip", `${at}: '${shorten(ip)}' is not an address or CIDR`);
    }
    for (const { port } of rule.ports)
      if (port > 65_535) throw invalidArgument("port", `${at}: ${port} is not 0 to 65535`);
  }
}

/** Rules by key: one that is there is replaced in its place, a new one comes last (spec §5.4, CA-5.8). */
export function overlayRules(base: FirewallConfig, added: readonly FirewallRule[]): FirewallConfig {
  const rules = new Map(base.rules.map((rule) => [rule.key, rule]));
  for (const rule of added) rules.set(rule.key, rule);
  if (rules.size > mostRules) throw invalidArgument("add_rules", `a node has at most ${mostRules} firewall rules`);
  return create(FirewallConfigSchema, {
    defaultIn: base.defaultIn,
    defaultOut: base.defaultOut,
    rules: [...rules.values()],
  });
}

function isAddressOrCidr(value: string): boolean {
  const [address, bits, ...rest] = value.split("/");
  const family = isIP(address ?? "");
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}
