import { readdir, readFile } from "node:fs/promises";
import { OperationError, runTool } from "@blockvisor/image/container";
import { parseCidr } from "./addresses.ts";
import { checkedLinkName } from "./names.ts";
import type { BridgeSpec } from "./node-network.ts";

const OURS = "blockvisor";

/** Makes the bridge where missing, brings it up, gives it the host's address. Error `network-bridge-invalid`. */
export async function ensureBridge({ name, address }: BridgeSpec): Promise<void> {
  checkedLinkName(name);
  const kind = await linkKind(name);
  if (kind === "other") {
    throw new OperationError("network-bridge-invalid", `'${name}' is a network interface, but no bridge`, {
      fix: "set 'iface' to the name of a bridge, or to a new name",
    });
  }
  const subnet = address === undefined ? undefined : parseCidr(address);
  if (address !== undefined && !subnet) {
    throw new OperationError("network-bridge-invalid", `'${address}' is no address with prefix for the bridge`, {
      fix: "set net_conf.host_ip and net_conf.prefix",
    });
  }
  const create =
    kind === "missing"
      ? [`link add name ${name} type bridge stp_state 0 forward_delay 0`, `link set dev ${name} alias ${OURS}`]
      : [];
  const assign = address === undefined ? [] : [`address replace ${address} dev ${name}`];
  try {
    await ipBatch([...create, ...assign, `link set dev ${name} up`]);
  } catch (error) {
    // Another process may have made it meanwhile.
    if (kind !== "missing" || (await linkKind(name)) !== "bridge") throw error;
    await ipBatch([...assign, `link set dev ${name} up`]);
  }
}

/** Removes a bridge that `ensureBridge` made and nobody uses; whether it did. */
export async function removeBridge(name: string): Promise<boolean> {
  checkedLinkName(name);
  const alias = await readFile(`/sys/class/net/${name}/ifalias`, "utf8").catch(() => "");
  if (alias.trim() !== OURS || (await bridgePorts(name)).length > 0) return false;
  await runTool("ip", ["link", "delete", name, "type", "bridge"]);
  return true;
}

/** Addresses of the host on a link, e.g. `10.1.0.1/24`. */
export async function linkAddresses(name: string): Promise<readonly string[]> {
  const { stdout } = await runTool("ip", ["-json", "address", "show", "dev", checkedLinkName(name)]);
  const links = JSON.parse(stdout) as readonly { addr_info?: readonly { local?: string; prefixlen?: number }[] }[];
  return links.flatMap(({ addr_info = [] }) => addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`));
}

/** Runs several `ip` commands in one process; every word was checked before. */
export async function ipBatch(commands: readonly string[], namespace?: string): Promise<void> {
  const inside = namespace === undefined ? [] : ["-netns", namespace];
  await runTool("ip", [...inside, "-batch", "-"], { input: `${commands.join("\n")}\n` });
}

async function linkKind(name: string): Promise<"missing" | "bridge" | "other"> {
  const entries = await readdir(`/sys/class/net/${name}`).catch(() => undefined);
  if (!entries) return "missing";
  return entries.includes("bridge") ? "bridge" : "other";
}

export async function bridgePorts(name: string): Promise<readonly string[]> {
  return readdir(`/sys/class/net/${name}/brif`).catch(() => []);
}
