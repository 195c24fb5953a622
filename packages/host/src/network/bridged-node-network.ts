import { readFile, readlink, statfs } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { isOperationError, OperationError, runTool } from "@blockvisor/image/container";
import { failpoint } from "../durable/index.ts";
import { bootId } from "../runtime/process-identity.ts";
import { canonicalAddress } from "./addresses.ts";
import { ensureBridge, ipBatch, removeBridge } from "./bridge.ts";
import { createBridgeGates } from "./bridge-gates.ts";
import { holderOf } from "./duplicate-address.ts";
import { linkNames, NODE_INTERFACE } from "./names.ts";
import { createNetworkRecords, type NetworkRecords } from "./network-record.ts";
import type { NodeNetwork, NodeNetworkHandle, NodeNetworkSpec } from "./node-network.ts";

const NSFS_MAGIC = 0x6e736673;
/** Of a bridge port, in sysfs. */
const FORWARDING = "3";
const FORWARDING_TIMEOUT_MS = 2_000;

/**
 * Makes namespace $1 with the links of batch $2 and, inside, of batch $3: one process that the daemon waits for instead of five. Settings
 * of the node's own network: ICMP sockets and low ports for everyone (containers have no NET_RAW), no address but those given, and the
 * kernel announces the node's address by itself (spec host-daemon DB-5.11).
 */
const MAKE = `
  set -e
  ip netns add "$1"
  nsenter --net="/run/netns/$1" sh -ec '
    cd /proc/sys/net
    echo "0 2147483647" >ipv4/ping_group_range
    echo 0 >ipv4/ip_unprivileged_port_start
    echo 1 >ipv4/conf/default/arp_notify
    if [ -d ipv6 ]; then
      echo 0 >ipv6/conf/default/accept_ra
      echo 1 >ipv6/conf/default/ndisc_notify
    fi'
  printf "%s" "$2" | ip -batch -
  printf "%s" "$3" | ip -netns "$1" -batch -`;

/** `runDirectory`: `<root>/run/blockvisor`; what was made is recorded in its folder `network`. */
export function createNodeNetwork(options: { readonly runDirectory: string }): NodeNetwork {
  const records = createNetworkRecords(join(options.runDirectory, "network"));
  const gates = createBridgeGates();

  /** Made by this daemon, but not connected yet; whether the addresses are free is being found out. */
  const unconnected = new Map<string, { readonly handle: NodeNetworkHandle; readonly free: Promise<void> }>();

  async function inspect(nodeId: string): Promise<NodeNetworkHandle | undefined> {
    linkNames(nodeId);
    const waiting = unconnected.get(nodeId);
    if (waiting) return waiting.handle;
    const complete = (await records.find(nodeId))?.complete;
    if (!complete) return undefined;
    const { handle, interfaceIndex } = complete;
    const [index, namespace] = await Promise.all([
      interfaceIndexOf(handle.hostInterface),
      statfs(handle.namespacePath).catch(() => undefined),
    ]);
    return index === interfaceIndex && namespace?.type === NSFS_MAGIC ? handle : undefined;
  }

  return {
    async ensureBridge(spec) {
      await ensureBridge(spec);
      gates.remember(spec);
    },

    async removeBridge(name) {
      if (await removeBridge(name)) await gates.close(name);
    },

    inspect,
    holderOf: async (bridge, ip) => holderOf(bridge, ip, await portsOf(records)),

    async setUp(wanted) {
      const handle = await this.prepare(wanted);
      await this.connect(wanted.nodeId);
      return handle;
    },

    async prepare(wanted) {
      const spec = canonicalSpec(wanted);
      const known = await records.find(spec.nodeId);
      const present = await inspect(spec.nodeId);
      if (present && known && isDeepStrictEqual(known.spec, spec)) {
        if ((await masterOf(present.hostInterface)) === spec.bridge) return present;
      }
      await refuseTaken(records, spec);
      await this.tearDown(spec.nodeId);
      await records.put({ spec });
      failpoint("network.recorded");
      const free = eachFree(records, spec);
      try {
        const handle = await make(spec);
        failpoint("network.made");
        unconnected.set(spec.nodeId, { handle, free });
        return handle;
      } catch (error) {
        await this.tearDown(spec.nodeId);
        await free; // An address of somebody else may be what the kernel refused.
        throw error;
      }
    },

    isWaiting: (nodeId) => unconnected.has(nodeId),

    async connect(nodeId) {
      const waiting = unconnected.get(nodeId);
      if (!waiting) return;
      const { handle, free } = waiting;
      try {
        await free;
        await announce(handle);
        const [known, interfaceIndex] = await Promise.all([
          records.find(nodeId),
          interfaceIndexOf(handle.hostInterface),
        ]);
        if (!known || interfaceIndex === undefined) {
          throw new OperationError("tool-failed", "the node's link vanished while it was connected");
        }
        await gates.open(known.spec.bridge);
        await records.put({ spec: known.spec, complete: { handle, interfaceIndex, bootId: bootId() } });
        unconnected.delete(nodeId);
      } catch (error) {
        await this.tearDown(nodeId);
        throw error;
      }
    },

    async tearDown(nodeId) {
      const { namespace, namespacePath, hostInterface } = linkNames(nodeId);
      const bridge = (await records.find(nodeId))?.spec.bridge;
      unconnected.delete(nodeId);
      if ((await interfaceIndexOf(hostInterface)) !== undefined) {
        await tolerate(runTool("ip", ["link", "delete", "dev", hostInterface]), /Cannot find device/);
      }
      failpoint("network.unlinked");
      if (await statfs(namespacePath).catch(() => undefined)) {
        await tolerate(runTool("ip", ["netns", "delete", namespace]), /No such file/);
      }
      await records.remove(nodeId);
      if (bridge !== undefined && !(await isUsed(records, bridge))) await gates.close(bridge);
    },

    list: () => records.list(),
  };
}

/** Everything but the last step: the host's end of the link stays down. */
async function make(spec: NodeNetworkSpec): Promise<NodeNetworkHandle> {
  const { namespace, namespacePath, hostInterface, mac } = linkNames(spec.nodeId);
  const outside = [
    `link add name ${hostInterface} type veth peer name ${NODE_INTERFACE} address ${mac} netns ${namespace}`,
    `link set dev ${hostInterface} alias blockvisor:${spec.nodeId}`,
    `link set dev ${hostInterface} master ${spec.bridge}`,
  ];
  const inside = [
    "link set dev lo up",
    ...spec.addresses.map(({ ip, prefix }) => `address add ${ip}/${prefix} dev ${NODE_INTERFACE}`),
    `link set dev ${NODE_INTERFACE} up`,
    // onlink: the gateway may lie outside the node's subnet (spec host-daemon §6.3).
    ...spec.gateways.map((gateway) => `route replace default via ${gateway} dev ${NODE_INTERFACE} onlink`),
  ];
  const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");
  await runTool("sh", ["-s", namespace, text(outside), text(inside)], { input: MAKE });
  return { namespacePath, hostInterface, mac, addresses: spec.addresses.map(({ ip }) => ip) };
}

/** Asks for the owners of the node's addresses while its own link is still down, so whoever answers is someone else. */
function eachFree(records: NetworkRecords, spec: NodeNetworkSpec): Promise<void> {
  const free = Promise.all(spec.addresses.map(({ ip }) => refuseDuplicate(records, spec.bridge, ip))).then(() => {});
  free.catch(() => {}); // Told to who connects the node.
  return free;
}

/**
 * Brings the link up. Setting a link's own hardware address again makes the kernel announce its addresses (arp_notify, ndisc_notify). What
 * it says when the link comes up is lost: the bridge does not forward yet. With spanning tree that takes too long to wait for.
 */
async function announce({ namespacePath, hostInterface, mac }: NodeNetworkHandle): Promise<void> {
  await ipBatch([`link set dev ${hostInterface} up`]);
  const deadline = Date.now() + FORWARDING_TIMEOUT_MS;
  const state = () => readFile(`/sys/class/net/${hostInterface}/brport/state`, "utf8").catch(() => "");
  while ((await state()).trim() !== FORWARDING && Date.now() < deadline) await delay(2);
  await ipBatch([`link set dev ${NODE_INTERFACE} address ${mac}`], basename(namespacePath));
}

/** Every word that goes into a command is checked or rewritten here. */
function canonicalSpec(spec: NodeNetworkSpec): NodeNetworkSpec {
  linkNames(spec.nodeId);
  const addresses = spec.addresses.map(({ ip, prefix }) => {
    const canonical = canonicalAddress(ip);
    const bits = canonical.includes(":") ? 128 : 32;
    if (Number.isInteger(prefix) && prefix >= 0 && prefix <= bits) return { ip: canonical, prefix };
    throw new OperationError("network-address-invalid", `/${prefix} is no prefix for ${ip}`);
  });
  if (addresses.length === 0) throw new OperationError("network-address-invalid", `node ${spec.nodeId} has no address`);
  return { nodeId: spec.nodeId, bridge: spec.bridge, addresses, gateways: spec.gateways.map(canonicalAddress) };
}

async function refuseTaken(records: NetworkRecords, spec: NodeNetworkSpec): Promise<void> {
  for (const other of await records.list()) {
    if (other === spec.nodeId) continue;
    const used = (await records.find(other))?.spec.addresses ?? [];
    const clash = spec.addresses.find(({ ip }) => used.some((address) => address.ip === ip));
    if (!clash) continue;
    throw new OperationError("network-address-taken", `the address ${clash.ip} is in use by node ${other}`, {
      fix: "give the node another address",
    });
  }
}

async function refuseDuplicate(records: NetworkRecords, bridge: string, ip: string): Promise<void> {
  const holder = await holderOf(bridge, ip, await portsOf(records));
  if (holder === undefined) return;
  throw new OperationError("network-address-taken", `the address ${ip} is in use: ${holder}`, {
    fix: "give the node another address, or take the other machine off the network",
  });
}

/** The nodes' ends on the bridge. */
async function portsOf(records: NetworkRecords): Promise<ReadonlySet<string>> {
  return new Set((await records.list()).map((id) => linkNames(id).hostInterface));
}

async function isUsed(records: NetworkRecords, bridge: string): Promise<boolean> {
  for (const nodeId of await records.list()) if ((await records.find(nodeId))?.spec.bridge === bridge) return true;
  return false;
}

async function interfaceIndexOf(name: string): Promise<number | undefined> {
  const text = await readFile(`/sys/class/net/${name}/ifindex`, "utf8").catch(() => undefined);
  return text === undefined ? undefined : Number(text);
}

async function masterOf(name: string): Promise<string | undefined> {
  return readlink(`/sys/class/net/${name}/master`).then(basename, () => undefined);
}

/** Waits for a removal; what is gone already is what was wanted. */
async function tolerate(removal: Promise<unknown>, gone: RegExp): Promise<void> {
  try {
    await removal;
  } catch (error) {
    if (!isOperationError(error, "tool-failed") || !gone.test(error.message)) throw error;
  }
}
