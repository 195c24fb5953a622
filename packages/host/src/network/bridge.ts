import { readdir, readFile } from "node:fs/promises";
import { endianness } from "node:os";
import { OperationError } from "@blockvisor/image/container";
import { launchTool } from "../launcher/index.ts";
import { parseCidr } from "./addresses.ts";
import { linkText } from "./link-attributes.ts";
import { checkedLinkName, localMac, nodeHash } from "./names.ts";
import type { BridgeSpec } from "./node-network.ts";

const OURS = "blockvisor";
const IFF_UP = 1;
/** Of a link's hardware address, in sysfs: not made up, nor taken from another link. */
const SET_BY_PEOPLE = "3";

/** Makes the bridge where missing, brings it up, gives it the host's address. Error `network-bridge-invalid`. */
export async function ensureBridge({ name, addresses }: BridgeSpec): Promise<void> {
  checkedLinkName(name);
  const kind = await linkKind(name);
  if (kind === "other") {
    throw new OperationError("network-bridge-invalid", `'${name}' is a network interface, but no bridge`, {
      fix: "set 'iface' to the name of a bridge, or to a new name",
    });
  }
  for (const { address } of addresses) {
    if (parseCidr(address)) continue;
    throw new OperationError("network-bridge-invalid", `'${address}' is no address with prefix for the bridge`, {
      fix: "set net_conf.host_ip and net_conf.prefix",
    });
  }
  const keep = kind === "bridge" ? await keepMac(name) : [];
  if (kind === "bridge" && keep.length === 0 && (await isReady(name, addresses))) return;
  const create =
    kind === "missing"
      ? [
          `link add name ${name} address ${bridgeMac(name)} type bridge stp_state 0 forward_delay 0`,
          `link set dev ${name} alias ${OURS}`,
        ]
      : keep;
  // Whether the host's own address is free is for those to find out who chose it, and takes a second in which nodes have no gateway.
  const assign = addresses.map(
    ({ address }) => `address replace ${address} dev ${name}${address.includes(":") ? " nodad" : ""}`,
  );
  try {
    await ipBatch([...create, ...assign, `link set dev ${name} up`]);
  } catch (error) {
    // Another process may have made it meanwhile.
    if (kind !== "missing" || (await linkKind(name)) !== "bridge") throw error;
    await ipBatch([...assign, `link set dev ${name} up`]);
  }
}

/**
 * A bridge without a hardware address of its own takes the lowest of its ports, so with each node that comes or goes the
 * others may lose their gateway until they ask for it again.
 */
function bridgeMac(name: string): string {
  return localMac(nodeHash(`bridge ${name}`));
}

/** Command that makes a bridge of an earlier version of ours stay with the address it has; none where it does, or is somebody else's. */
async function keepMac(name: string): Promise<readonly string[]> {
  const [alias, assigned, mac] = ["ifalias", "addr_assign_type", "address"].map((file) => linkText(name, file));
  return alias === OURS && assigned !== SET_BY_PEOPLE && mac ? [`link set dev ${name} address ${mac}`] : [];
}

/** Up, and with the addresses: seen in the kernel's own tables, without a process. What they do not tell counts as no. */
async function isReady(name: string, addresses: BridgeSpec["addresses"]): Promise<boolean> {
  const flags = Number(linkText(name, "flags"));
  if ((flags & IFF_UP) === 0) return false;
  for (const { address } of addresses) {
    if (!(address.includes(":") ? await hasIpv6(name, address) : await hasIpv4(name, address))) return false;
  }
  return true;
}

async function hasIpv6(name: string, address: string): Promise<boolean> {
  const [ip = "", prefix] = address.split("/");
  return (await ipv6Addresses()).some(
    (own) => own.link === name && own.ip === hex6(ip) && own.prefix === Number(prefix),
  );
}

async function hasIpv4(name: string, address: string): Promise<boolean> {
  const { network, netmask, ip } = ipv4Of(address) ?? {};
  if (ip === undefined || !(await isLocalAddress(ip))) return false;
  const routes = (await readFile("/proc/net/route", "utf8").catch(() => "")).split("\n");
  return routes.some((line) => {
    const [link, destination, , , , , , mask] = line.split("\t");
    return link === name && destination === network && mask === netmask;
  });
}

/** An address with prefix, as /proc/net/route writes networks: bytes in the machine's order. */
function ipv4Of(address: string) {
  const [ip = "", prefix = ""] = address.split("/");
  const bytes = ip.split(".").map(Number);
  if (bytes.length !== 4) return undefined;
  const mask = Array.from({ length: 4 }, (_, at) => 256 - 2 ** (8 - Math.min(8, Math.max(0, Number(prefix) - 8 * at))));
  const word = (parts: readonly number[]): string => (endianness() === "LE" ? hexOf(parts.toReversed()) : hexOf(parts));
  return { ip, network: word(bytes.map((byte, at) => byte & (mask[at] ?? 0))), netmask: word(mask) };
}

function hexOf(bytes: readonly number[]): string {
  return Buffer.from(bytes).toString("hex").toUpperCase();
}

/** The machine's own addresses of version 6, as the kernel lists them: 32 hex digits, index, prefix, scope, flags, link. */
async function ipv6Addresses() {
  const lines = (await readFile("/proc/net/if_inet6", "utf8").catch(() => "")).split("\n");
  return lines.map((line) => {
    const [ip, , prefix = "", , , link] = line.split(/\s+/);
    return { ip, prefix: Number.parseInt(prefix, 16), link };
  });
}

function hex6(ip: string): string {
  return parseCidr(ip)?.network.toString(16).padStart(32, "0") ?? "";
}

/** Whether an address is one of this machine, on whatever link. */
export async function isLocalAddress(ip: string): Promise<boolean> {
  if (ip.includes(":")) return (await ipv6Addresses()).some((own) => own.ip === hex6(ip));
  const trie = await readFile("/proc/net/fib_trie", "utf8").catch(() => "");
  return new RegExp(`\\|-- ${ip.replaceAll(".", "\\.")}\\n\\s+/32 host LOCAL`).test(trie);
}

/** Removes a bridge that `ensureBridge` made and nobody uses; whether it did. */
export async function removeBridge(name: string): Promise<boolean> {
  checkedLinkName(name);
  const alias = linkText(name, "ifalias");
  if (alias.trim() !== OURS || (await bridgePorts(name)).length > 0) return false;
  await launchTool("ip", ["link", "delete", name, "type", "bridge"]);
  return true;
}

/** Addresses of the host on a link, e.g. `10.1.0.1/24`. */
export async function linkAddresses(name: string): Promise<readonly string[]> {
  const { stdout } = await launchTool("ip", ["-json", "address", "show", "dev", checkedLinkName(name)]);
  const links = JSON.parse(stdout) as readonly { addr_info?: readonly { local?: string; prefixlen?: number }[] }[];
  return links.flatMap(({ addr_info = [] }) => addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`));
}

/** Runs several `ip` commands in one process; every word was checked before. */
export async function ipBatch(commands: readonly string[], namespace?: string): Promise<void> {
  const inside = namespace === undefined ? [] : ["-netns", namespace];
  await launchTool("ip", [...inside, "-batch", "-"], { input: `${commands.join("\n")}\n` });
}

async function linkKind(name: string): Promise<"missing" | "bridge" | "other"> {
  const entries = await readdir(`/sys/class/net/${name}`).catch(() => undefined);
  if (!entries) return "missing";
  return entries.includes("bridge") ? "bridge" : "other";
}

export async function bridgePorts(name: string): Promise<readonly string[]> {
  return readdir(`/sys/class/net/${name}/brif`).catch(() => []);
}
