export type {
  FirewallAction,
  FirewallConfig,
  FirewallRule,
  FirewallTarget,
  NodeFirewall,
} from "./node-firewall.ts";
