import { readFileSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { isOperationError } from "@blockvisor/image/container";
import { launchTool } from "../launcher/index.ts";
import { type Cidr, formatCidr } from "./addresses.ts";
import { checkedLinkName } from "./names.ts";
import { replacedTable } from "./nft-tables.ts";

/** Of our rules in chains that belong to others. */
const COMMENT = "blockvisor";
const IPV6 = "/proc/sys/net/ipv6/conf";
/** The table that drops what is forwarded, as nft names it, and where the kernel lists those of iptables' older kind. */
const FAMILIES = {
  iptables: { table: "ip filter", older: "/proc/net/ip_tables_names" },
  ip6tables: { table: "ip6 filter", older: "/proc/net/ip6_tables_names" },
} as const;
type Iptables = keyof typeof FAMILIES;
const TOOLS = Object.keys(FAMILIES) as readonly Iptables[];

/**
 * Lets traffic of a bridge through the host where something else drops what is forwarded: Docker sets the policy of iptables' FORWARD
 * to DROP, which also takes what is bridged when br_netfilter is loaded. A verdict of ours in another table could not help, so
 * the rules go where Docker keeps a place for them, DOCKER-USER. Nodes have their own firewalls behind it. Tells whether any was missing.
 *
 * @param present the tables there are: without one that filters no process has to be started
 */
export async function admitForwarding(bridge: string, present: ReadonlySet<string>): Promise<boolean> {
  const filtering = TOOLS.filter((iptables) => mayDrop(iptables, present));
  return (await Promise.all(filtering.map((iptables) => admit(iptables, bridge)))).includes(true);
}

function mayDrop(iptables: Iptables, present: ReadonlySet<string>): boolean {
  const { table, older } = FAMILIES[iptables];
  if (present.has(table)) return true;
  try {
    return readFileSync(older, "latin1").split("\n").includes("filter");
  } catch {
    return false;
  }
}

async function admit(iptables: string, bridge: string): Promise<boolean> {
  const policies = await rulesOf(iptables, "FORWARD");
  if (!policies.includes("-P FORWARD DROP")) return false;
  const chain = policies.includes("-A FORWARD -j DOCKER-USER") ? "DOCKER-USER" : "FORWARD";
  const present = await rulesOf(iptables, chain);
  const missing = admissions(bridge).filter((rule) => !present.includes(`-A ${chain} ${rule.join(" ")}`));
  for (const rule of missing) await run(iptables, ["-I", chain, ...rule]);
  return missing.length > 0;
}

/** Takes back what `admitForwarding` has put into any chain, as often as it is there. */
export async function withdrawForwarding(bridge: string): Promise<void> {
  for (const iptables of TOOLS) {
    for (const chain of ["DOCKER-USER", "FORWARD"]) {
      const present = await rulesOf(iptables, chain);
      for (const rule of admissions(bridge)) {
        const times = present.filter((line) => line === `-A ${chain} ${rule.join(" ")}`).length;
        for (let time = 0; time < times; time += 1) await run(iptables, ["-D", chain, ...rule]);
      }
    }
  }
}

/** Hides the nodes of subnets behind the host's addresses when they talk to others: exactly these, in one transaction. */
export async function hideSubnets(bridge: string, subnets: readonly Cidr[]): Promise<void> {
  const lines: string[] = [];
  for (const [family, name] of await tableFamilies()) {
    const hidden = subnets.filter((subnet) => subnet.family === family);
    const rules = [
      "  chain postrouting {",
      "    type nat hook postrouting priority srcnat; policy accept;",
      ...hidden.map((subnet) => `    ${name} saddr ${formatCidr(subnet)} oifname != "${bridge}" masquerade`),
      "  }",
    ];
    lines.push(...replacedTable(`${name} ${natTable(bridge)}`, hidden.length === 0 ? [] : rules));
  }
  await launchTool("nft", ["-f", "-"], { input: `${lines.join("\n")}\n` });
  if (subnets.some(({ family }) => family === 4)) await switchOn("/proc/sys/net/ipv4/ip_forward");
  if (subnets.some(({ family }) => family === 6)) await forwardIpv6();
}

/** Whether the tables that hide these subnets are there. */
export function isHiding(bridge: string, subnets: readonly Cidr[], present: ReadonlySet<string>): boolean {
  return subnets.every(({ family }) => present.has(`${family === 4 ? "ip" : "ip6"} ${natTable(bridge)}`));
}

export async function showSubnets(bridge: string): Promise<void> {
  await hideSubnets(bridge, []);
}

/** Families the kernel has; version 6 may be switched off. */
async function tableFamilies(): Promise<readonly (readonly [family: 4 | 6, name: "ip" | "ip6"])[]> {
  const hasIpv6 = await readdir(IPV6).catch(() => undefined);
  return hasIpv6
    ? [
        [4, "ip"],
        [6, "ip6"],
      ]
    : [[4, "ip"]];
}

/**
 * A machine that forwards takes itself for a router, and listens to other routers no more (`accept_ra` 1): where its own way out came from
 * one, it would lose it. 2 means also then.
 */
async function forwardIpv6(): Promise<void> {
  if ((await readFile(`${IPV6}/all/forwarding`, "utf8")).trim() === "1") return;
  for (const link of await readdir(IPV6)) {
    const listens = `${IPV6}/${link}/accept_ra`;
    if (link !== "all" && (await readFile(listens, "utf8").catch(() => "")).trim() === "1")
      await writeFile(listens, "2");
  }
  await switchOn(`${IPV6}/all/forwarding`);
}

async function switchOn(path: string): Promise<void> {
  if ((await readFile(path, "utf8")).trim() !== "1") await writeFile(path, "1");
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
  return launchTool(iptables, ["-w", "10", ...args]);
}

function natTable(bridge: string): string {
  return `bv_nat_${Buffer.from(checkedLinkName(bridge)).toString("hex")}`;
}
