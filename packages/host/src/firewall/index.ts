export { type EffectiveRule, effectiveRules } from "./effective-rules.ts";
export { createNodeFirewall } from "./nft-node-firewall.ts";
export type { FirewallConfig, FirewallRule, FirewallTarget, NodeFirewall } from "./node-firewall.ts";
export { checkFirewall } from "./ruleset.ts";
