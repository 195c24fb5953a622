import { verb } from "../../../command/verb.ts";
import { nodeArgument } from "../node-argument.ts";

export interface FirewallOptions {
  readonly nft?: true;
}

export const nodeFirewallVerb = verb<FirewallOptions, [node?: string]>({
  name: "firewall",
  aliases: ["fw"],
  summary: "show what is let in and out of a node",
  details:
    "Rules are tried from top to bottom, and the first that matches decides: a later rule of the image wins over an earlier one, the " +
    "default comes last. Replies to what was let through pass anyway. Counts are since the rules were loaded last.",
  arguments: [nodeArgument],
  options: [{ flags: "--nft", summary: "show the rules as they are in the kernel, in the language of nft" }],
  run: async (call) => (await import("./firewall.ts")).nodeFirewall(call),
});
