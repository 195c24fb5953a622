import { verb } from "../../../command/verb.ts";
import { nodeArgument } from "../node-argument.ts";

export interface PortsOptions {
  readonly set?: readonly string[];
  readonly none?: true;
  readonly auto?: true;
}

export const nodePortsVerb = verb<PortsOptions, [node?: string]>({
  name: "ports",
  summary: "show or change which ports of this machine lead to a node",
  details:
    "For hosts with a single public address, whose nodes are on a private subnet behind it. Where `net_conf.nat` is set in\n" +
    "blockvisor.json, ports that the node's firewall lets in are mapped by themselves: to the same port of the machine, or where that is\n" +
    "taken to one of the range there. What is set here takes the place of all that. The node's own firewall is about its own ports, and\n" +
    "sees who really asks. Changes are made at once; the node goes on.",
  examples: [
    ["bv node ports my-node", "show"],
    ["bv node ports my-node --set 18545:8545 --set 30303/udp", "exactly these"],
    ["bv node ports my-node --auto", "by the firewall again"],
  ],
  arguments: [nodeArgument],
  options: [
    {
      flags: "--set <mapping>",
      summary: "exactly these: [HOST:]NODE[/tcp|/udp]; may be repeated",
      repeats: true,
    },
    { flags: "--none", summary: "no port of the machine leads to it" },
    { flags: "--auto", summary: "those that the node's firewall lets in" },
  ],
  run: async (call) => (await import("./ports.ts")).nodePorts(call),
});
