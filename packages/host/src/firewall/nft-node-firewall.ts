import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { readdir, readFile, statfs } from "node:fs/promises";
import { join } from "node:path";
import { isOperationError, OperationError } from "@blockvisor/image/container";
import { failpoint, removeDurable, writeInMemory } from "../durable/index.ts";
import { launchTool } from "../launcher/index.ts";
import { launchInNetwork, replacedTable } from "../network/index.ts";
import { interfaceIndexOf } from "../network/link-attributes.ts";
import { linkNames, nodeHash } from "../network/names.ts";
import { bootId } from "../runtime/process-identity.ts";
import type { FirewallConfig, FirewallTarget, NodeFirewall } from "./node-firewall.ts";
import { chainRules, checkFirewall } from "./ruleset.ts";

/** The node's own table, in its own network namespace: nobody else has rules there. */
const NODE_TABLE = "inet blockvisor";

/**
 * A bridged node's rules live in its own network namespace, where nothing else filters, no flush of the host's rules reaches, and
 * connection tracking and rejects work whatever the bridge and kernel can do; containers may not change them (no NET_ADMIN) nor pass
 * by them (no NET_RAW). On the host's end of the link a second table drops forged hardware and IP addresses.
 *
 * `runDirectory`: `<root>/run/blockvisor`; nodes that have rules are marked in its folder `firewall`.
 */
export function createNodeFirewall(options: { readonly runDirectory: string }): NodeFirewall {
  const directory = join(options.runDirectory, "firewall");
  const mark = (nodeId: string) => join(directory, nodeId);

  return {
    async apply(nodeId, target, config) {
      checkFirewall(config);
      const table = hostTable(nodeId);
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      writeInMemory(mark(nodeId), target.kind);
      failpoint("firewall.marked");
      if (target.kind === "host") {
        await load(replacedTable(`inet ${table}`, hostChains(target, config)));
      } else {
        await Promise.all([
          load(replacedTable(NODE_TABLE, nodeChains(config)), target.namespacePath).then(() =>
            failpoint("firewall.applied"),
          ),
          load(replacedTable(`netdev ${table}`, antiSpoofingChain(target))),
        ]);
      }
      writeInMemory(mark(nodeId), `${target.kind} ${digestOf(target, config)}`);
    },

    async holds(nodeId, target, config) {
      const marked = await readFile(mark(nodeId), "utf8").catch(() => "");
      return marked === `${target.kind} ${digestOf(target, config)}`;
    },

    async show(nodeId, target) {
      const table = target.kind === "host" ? `inet ${hostTable(nodeId)}` : NODE_TABLE;
      const namespace = target.kind === "host" ? undefined : target.namespacePath;
      try {
        return (await nft(["list", "table", ...table.split(" ")], {}, namespace)).stdout;
      } catch (error) {
        if (isOperationError(error, "tool-failed") && /No such file or directory/.test(error.message)) return undefined;
        throw error;
      }
    },

    async remove(nodeId, target) {
      const table = hostTable(nodeId);
      await load([...replacedTable(`netdev ${table}`, []), ...replacedTable(`inet ${table}`, [])]);
      // The rules inside go with the namespace; where it stays, so does the default of an unfiltered network.
      const namespace = target?.kind === "bridged" ? target.namespacePath : linkNames(nodeId).namespacePath;
      if (await statfs(namespace).catch(() => undefined)) await load(replacedTable(NODE_TABLE, []), namespace);
      await removeDurable(mark(nodeId)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
      });
    },

    async list() {
      const names = await readdir(directory).catch(() => []);
      return names.filter((name) => !name.startsWith(".")).sort();
    },

    async lost(present) {
      const isThere = (nodeId: string): boolean =>
        ["netdev", "inet"].some((family) => present.has(`${family} ${hostTable(nodeId)}`));
      return (await this.list()).filter((nodeId) => !isThere(nodeId));
    },
  };
}

/** Of the rules and of the very link they are for: one that is made anew has another number, in another boot everything is new. */
function digestOf(target: FirewallTarget, config: FirewallConfig): string {
  if (target.kind === "host") return hash([bootId(), hostChains(target, config)]);
  const { namespacePath, hostInterface, mac, addresses } = target;
  const link = interfaceIndexOf(hostInterface);
  return hash([bootId(), String(link ?? ""), namespacePath, mac, addresses, nodeChains(config)]);
}

function hash(content: unknown): string {
  return createHash("sha256").update(JSON.stringify(content)).digest("hex");
}

function nodeChains(config: FirewallConfig): readonly string[] {
  return [
    ...chain("input", "type filter hook input priority filter; policy drop;", chainRules(config, "in")),
    ...chain("output", "type filter hook output priority filter; policy drop;", chainRules(config, "out")),
  ];
}

/** Only sockets of the node's cgroup get to the node's chains; everything else on the host passes untouched. */
function hostChains(target: Extract<FirewallTarget, { kind: "host" }>, config: FirewallConfig): readonly string[] {
  const { path, level } = target.cgroup;
  const ofNode = `socket cgroupv2 level ${level} "${path}"`;
  return [
    ...chain("node_in", "", chainRules(config, "in")),
    ...chain("node_out", "", chainRules(config, "out")),
    ...chain("input", "type filter hook input priority filter; policy accept;", [`${ofNode} jump node_in`]),
    ...chain("output", "type filter hook output priority filter; policy accept;", [`${ofNode} jump node_out`]),
  ];
}

/** What comes out of the node's link must be from the node. */
function antiSpoofingChain(target: Extract<FirewallTarget, { kind: "bridged" }>): readonly string[] {
  const four = target.addresses.filter((address) => !address.includes(":"));
  const six = target.addresses.filter((address) => address.includes(":"));
  const rules = [
    `ether saddr != ${target.mac} drop`,
    // 0.0.0.0 and :: ask whether an address is free, before the node has it.
    ...(four.length > 0
      ? [`arp saddr ip { ${[...four, "0.0.0.0"].join(", ")} } accept`, `ip saddr { ${four.join(", ")} } accept`]
      : []),
    ...(six.length > 0 ? [`ip6 saddr { ${[...six, "fe80::/64", "::"].join(", ")} } accept`] : []),
  ];
  const hook = `type filter hook ingress device "${target.hostInterface}" priority filter; policy drop;`;
  return chain("ingress", hook, rules);
}

function chain(name: string, hook: string, rules: readonly string[]): readonly string[] {
  return [`  chain ${name} {`, ...(hook === "" ? [] : [`    ${hook}`]), ...rules.map((rule) => `    ${rule}`), "  }"];
}

async function load(lines: readonly string[], namespace?: string): Promise<void> {
  try {
    await nft(["-f", "-"], { input: `${lines.join("\n")}\n` }, namespace);
  } catch (error) {
    if (!isOperationError(error, "tool-failed")) throw error;
    throw new OperationError("firewall-not-enforced", `the firewall rules cannot be loaded: ${error.message}`, {
      fix: "the kernel needs nf_tables with inet, netdev and socket support: modprobe nf_tables nft_reject_inet nft_socket",
      cause: error,
    });
  }
}

function nft(args: readonly string[], options: { readonly input?: string }, namespace?: string) {
  return namespace === undefined ? launchTool("nft", args, options) : launchInNetwork(namespace, "nft", args, options);
}

function hostTable(nodeId: string): string {
  linkNames(nodeId);
  return `bv_${nodeHash(nodeId).slice(0, 16)}`;
}
