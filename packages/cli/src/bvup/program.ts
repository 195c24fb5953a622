import { count, port } from "../command/values.ts";
import { type Verb, verb } from "../command/verb.ts";
import type { BvupOptions } from "./options.ts";

export const bvup = {
  ...verb<BvupOptions, [token?: string]>({
    name: "bvup",
    summary: "register this machine as a host",
    details: "Detects the network, registers the machine at the control plane and writes etc/blockvisor.json.",
    examples: [
      ["bvup TOKEN --region eu-1", "asks for what it cannot know"],
      ["bvup TOKEN --region eu-1 --yes", "asks nothing"],
      ["bvup TOKEN --region dev --private-network --skip-download --yes", "an engineer's machine without a bridge"],
    ],
    arguments: [{ usage: "[token]", summary: "provision token of your organisation", completes: "none" }],
    options: [
      { flags: "--region <key>", summary: "region the machine is in" },
      { flags: "--api <url>", summary: "address of the control plane" },
      { flags: "--ifa <name>", summary: "bridge interface of the nodes", initial: "br0" },
      { flags: "--gateway-ip <address>", summary: "gateway of the network (default: detected)" },
      { flags: "--host-ip <address>", summary: "address of this machine on the bridge (default: detected)" },
      { flags: "--net-prefix <bits>", summary: "length of the network's prefix (default: detected)", parse: count },
      { flags: "--net_prefix <bits>", summary: "the same", parse: count, hidden: true },
      {
        flags: "--available-ips <list>",
        summary: "addresses for nodes: networks, ranges a-b, addresses (default: detected)",
      },
      {
        flags: "--private-network [network]",
        summary: "no bridge is configured: use a network that only this machine knows (10.77.0.0/24)",
      },
      {
        flags: "--ipv6 [network]",
        summary:
          "nodes have an address of version 6, too: of the bridge's network, or of one that only this machine knows",
      },
      { flags: "--port <number>", summary: "port of the daemon's local service", parse: port, initial: 9001 },
      { flags: "--update <seconds>", summary: "how often to look for new versions", parse: count, initial: 60 },
      { flags: "--tag <tag>", summary: "a tag of the host; may be repeated", repeats: true },
      { flags: "--skip-init", summary: "do not register, only download and install" },
      { flags: "--skip-download", summary: "only register" },
      { flags: "--private", summary: "only your own organisation may use the machine" },
      { flags: "--use-host-network", summary: "nodes share the machine's network: no bridge, no limits" },
      { flags: "--force", summary: "register again although it is registered" },
      { flags: "--insecure", summary: "allow plain http to other machines" },
      { flags: "-y, --yes", summary: "ask nothing, take what is detected" },
    ],
    run: async (call) => (await import("./provision.ts")).provision(call),
  }),
  name: "bvup",
} as const satisfies Verb;
