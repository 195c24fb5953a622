import { readFile, writeFile } from "node:fs/promises";
import { isOperationError, runTool } from "@blockvisor/image/container";
import { checkedLinkName } from "./names.ts";

/** Of our rules in chains that belong to others. */
const COMMENT = "blockvisor";
const FAMILIES = ["iptables", "ip6tables"] as const;

/**
 * Lets traffic of a bridge through the host where something else drops what is forwarded: Docker sets the policy of iptables' FORWARD
 * to DROP, which also takes what is bridged when br_netfilter is loaded. A verdict of ours in another table could not help, so
 * the rules go where Docker keeps a place for them, DOCKER-USER. Nodes have their own firewalls behind it.
 */
export async function admitForwarding(bridge: string): Promise<void> {
  await Promise.all(FAMILIES.map((iptables) => admit(iptables, bridge)));
}

async function admit(iptables: string, bridge: string): Promise<void> {
  const policies = await rulesOf(iptables, "FORWARD");
  if (!policies.includes("-P FORWARD DROP")) return;
  const chain = policies.includes("-A FORWARD -j DOCKER-USER") ? "DOCKER-USER" : "FORWARD";
  const present = await rulesOf(iptables, chain);
  for (const rule of admissions(bridge)) {
    if (!present.includes(`-A ${chain} ${rule.join(" ")}`)) await run(iptables, ["-I", chain, ...rule]);
  }
}

/** Takes back what `admitForwarding` has put into any chain, as often as it is there. */
export async function withdrawForwarding(bridge: string): Promise<void> {
  for (const iptables of FAMILIES) {
    for (const chain of ["DOCKER-USER", "FORWARD"]) {
      const present = await rulesOf(iptables, chain);
      for (const rule of admissions(bridge)) {
        const times = present.filter((line) => line === `-A ${chain} ${rule.join(" ")}`).length;
        for (let time = 0; time < times; time += 1) await run(iptables, ["-D", chain, ...rule]);
      }
    }
  }
}

/** Hides the nodes of a subnet behind the host's address when they talk to others. */
export async function hideSubnet(bridge: string, subnet: string): Promise<void> {
  const table = natTable(bridge);
  const rules = [
    `add table ip ${table}`,
    `delete table ip ${table}`,
    `table ip ${table} {`,
    "  chain postrouting {",
    "    type nat hook postrouting priority srcnat; policy accept;",
    `    ip saddr ${subnet} oifname != "${bridge}" masquerade`,
    "  }",
    "}",
  ];
  await runTool("nft", ["-f", "-"], { input: `${rules.join("\n")}\n` });
  if ((await readFile("/proc/sys/net/ipv4/ip_forward", "utf8")).trim() !== "1") {
    await writeFile("/proc/sys/net/ipv4/ip_forward", "1");
  }
}

export async function showSubnet(bridge: string): Promise<void> {
  const table = natTable(bridge);
  await runTool("nft", ["-f", "-"], { input: `add table ip ${table}\ndelete table ip ${table}\n` });
}

/** As `iptables -S` prints them, word for word. */
function admissions(bridge: string): readonly (readonly string[])[] {
  const name = checkedLinkName(bridge);
  return ["-i", "-o"].map((side) => [side, name, "-m", "comment", "--comment", COMMENT, "-j", "ACCEPT"]);
}

/** The rules of a chain, one a line; none where the chain, the tool or the kernel's support is missing: nothing can be dropped there. */
async function rulesOf(iptables: string, chain: string): Promise<readonly string[]> {
  try {
    return (await run(iptables, ["-S", chain])).stdout.trim().split("\n");
  } catch (error) {
    if (isOperationError(error, "tool-missing") || isOperationError(error, "tool-failed")) return [];
    throw error;
  }
}

function run(iptables: string, args: readonly string[]) {
  return runTool(iptables, ["-w", "10", ...args]);
}

function natTable(bridge: string): string {
  return `bv_nat_${Buffer.from(checkedLinkName(bridge)).toString("hex")}`;
}
