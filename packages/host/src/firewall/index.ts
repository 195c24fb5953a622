export { createNodeFirewall } from "./nft-node-firewall.ts";
export type {
  FirewallAction,
  FirewallConfig,
  FirewallRule,
  FirewallTarget,
  NodeFirewall,
} from "./node-firewall.ts";
export { checkFirewall, MAX_FIREWALL_RULES } from "./ruleset.ts";
