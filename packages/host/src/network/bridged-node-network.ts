import { existsSync, statfsSync } from "node:fs";
import { readFile, readlink, statfs } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { isOperationError, OperationError } from "@blockvisor/image/container";
import { failpoint } from "../durable/index.ts";
import { launchTool } from "../launcher/index.ts";
import { bootId } from "../runtime/process-identity.ts";
import { canonicalAddress } from "./addresses.ts";
import { ensureBridge, ipBatch, removeBridge } from "./bridge.ts";
import { createBridgeGates } from "./bridge-gates.ts";
import { holderOf } from "./duplicate-address.ts";
import { interfaceIndexOf } from "./link-attributes.ts";
import { linkNames, NODE_INTERFACE } from "./names.ts";
import { makeNamespace } from "./namespaces.ts";
import { createNetworkRecords, type NetworkRecords } from "./network-record.ts";
import type { NodeNetwork, NodeNetworkHandle, NodeNetworkSpec } from "./node-network.ts";
import { createPortMappings } from "./port-mappings.ts";

const NSFS_MAGIC = 0x6e736673;
/** Of a bridge port, in sysfs. */
const FORWARDING = "3";
const FORWARDING_TIMEOUT_MS = 2_000;
const ANNOUNCE_PAUSE_MS = 10;

interface Unconnected {
  readonly handle: NodeNetworkHandle;
  /** Resolves when a container can be started in it. */
  readonly namespace: Promise<void>;
  /** Resolves when the links are there. */
  readonly links: Promise<void>;
}

/**
 * `runDirectory`: `<root>/run/blockvisor`; what was made is recorded in its folder `network`. `sysctlFile`: read at the machine's start;
 * absent: that it forwards is not kept.
 */
export function createNodeNetwork(options: {
  readonly runDirectory: string;
  readonly sysctlFile?: string;
}): NodeNetwork {
  const records = createNetworkRecords(join(options.runDirectory, "network"));
  const gates = createBridgeGates(options.sysctlFile);
  const mappings = createPortMappings(join(options.runDirectory, "ports"));

  /** Made by this daemon, but not connected yet: its links are being made. */
  const unconnected = new Map<string, Unconnected>();

  async function inspect(nodeId: string): Promise<NodeNetworkHandle | undefined> {
    linkNames(nodeId);
    const waiting = unconnected.get(nodeId);
    if (waiting) return waiting.handle;
    const complete = (await records.find(nodeId))?.complete;
    if (!complete) return undefined;
    const { handle, interfaceIndex } = complete;
    const isThere = interfaceIndexOf(handle.hostInterface) === interfaceIndex && isNamespace(handle.namespacePath);
    return isThere ? handle : undefined;
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
      // Mostly nothing is there.
      if (known || isLeft(spec.nodeId)) await this.tearDown(spec.nodeId, { comesBack: true });
      else await mappings.remove(spec.nodeId);
      await records.put({ spec });
      failpoint("network.recorded");
      const { handle, namespace, links } = make(spec);
      unconnected.set(spec.nodeId, { handle, namespace, links });
      return handle;
    },

    namespace: (nodeId) => unconnected.get(nodeId)?.namespace,
    async connect(nodeId, secure) {
      const waiting = unconnected.get(nodeId);
      if (!waiting) return;
      const { handle, links } = waiting;
      try {
        const known = await records.find(nodeId);
        const free = known && eachFree(records, known.spec);
        const secured = links.then(() => Promise.all([secure?.(), known && gates.open(known.spec.bridge)]));
        // An address of somebody else may be what the kernel refused.
        await Promise.allSettled([secured, free]);
        await free;
        await secured;
        if (known) await ipBatch(connection(known.spec));
        const interfaceIndex = interfaceIndexOf(handle.hostInterface);
        if (!known || interfaceIndex === undefined) {
          throw new OperationError("tool-failed", "the node's link vanished while it was connected");
        }
        await records.put({ spec: known.spec, complete: { handle, interfaceIndex, bootId: bootId() } });
        unconnected.delete(nodeId);
        // The node may be gone again.
        announce(handle).catch(() => {});
      } catch (error) {
        await this.tearDown(nodeId);
        throw error;
      }
    },

    addressesOf: async (nodeId) => (await records.find(nodeId))?.spec.addresses.map(({ ip }) => ip) ?? [],

    mapPorts: (nodeId, mapped) => (mapped.ports.length === 0 ? mappings.remove(nodeId) : mappings.set(nodeId, mapped)),
    mappedPorts: async (nodeId) => (await mappings.find(nodeId))?.ports ?? [],

    async restore(bridge, present) {
      gates.remember(bridge);
      const missing: string[] = [];
      if ((await isUsed(records, bridge.name)) && (await gates.reopen(bridge.name, present))) {
        missing.push(`the way out of the bridge ${bridge.name}`);
      }
      if (await mappings.restore(present)) missing.push("ports of the machine that lead to nodes");
      return missing;
    },

    async tearDown(nodeId, { bridge: named, comesBack = false } = {}) {
      const { namespace, namespacePath, hostInterface } = linkNames(nodeId);
      const bridge = (await records.find(nodeId))?.spec.bridge ?? named;
      const waiting = unconnected.get(nodeId);
      unconnected.delete(nodeId);
      await waiting?.links.catch(() => {});
      await mappings.remove(nodeId);
      if (interfaceIndexOf(hostInterface) !== undefined) {
        await tolerate(launchTool("ip", ["link", "delete", "dev", hostInterface]), /Cannot find device/);
      }
      failpoint("network.unlinked");
      if (await statfs(namespacePath).catch(() => undefined)) {
        await tolerate(launchTool("ip", ["netns", "delete", namespace]), /No such file/);
      }
      await records.remove(nodeId);
      if (comesBack || bridge === undefined || (await isUsed(records, bridge))) return;
      await gates.close(bridge);
    },

    list: () => records.list(),
  };
}

/** Everything but the last step: the host's end of the link stays down, and is on no bridge. */
function make(spec: NodeNetworkSpec): Pick<Unconnected, "handle" | "namespace" | "links"> {
  const { namespace, namespacePath, hostInterface, mac } = linkNames(spec.nodeId);
  const links = [
    `link add name ${NODE_INTERFACE} address ${mac} type veth peer name ${hostInterface} netns HOST`,
    "link set dev lo up",
    // Whether they are free is found out outside, at once; the kernel would need a second for one of version 6 to be of use.
    ...spec.addresses.map(
      ({ ip, prefix }) => `address add ${ip}/${prefix} dev ${NODE_INTERFACE}${ip.includes(":") ? " nodad" : ""}`,
    ),
    `link set dev ${NODE_INTERFACE} up`,
    // onlink: the gateway may lie outside the node's subnet (spec host-daemon §6.3).
    ...spec.gateways.map((gateway) => `route replace default via ${gateway} dev ${NODE_INTERFACE} onlink`),
  ];
  const handle = { namespacePath, hostInterface, mac, addresses: spec.addresses.map(({ ip }) => ip) };
  const making = makeNamespace(namespace, links);
  return { handle, namespace: making.made, links: making.links };
}

/** Whoever needs it is told; nobody needing it is no error. */
function settled(promise: Promise<void>): Promise<void> {
  promise.catch(() => {});
  return promise;
}

function connection({ nodeId, bridge }: NodeNetworkSpec): readonly string[] {
  const { hostInterface } = linkNames(nodeId);
  return [
    `link set dev ${hostInterface} alias blockvisor:${nodeId}`,
    `link set dev ${hostInterface} master ${bridge}`,
    `link set dev ${hostInterface} up`,
  ];
}

/** Asks for the owners of the node's addresses while its own link is still down, so whoever answers is someone else. */
function eachFree(records: NetworkRecords, spec: NodeNetworkSpec): Promise<void> {
  return settled(Promise.all(spec.addresses.map(({ ip }) => refuseDuplicate(records, spec.bridge, ip))).then(() => {}));
}

/**
 * Once the bridge forwards, setting its own hardware address again makes the kernel announce the node's addresses (arp_notify, ndisc_notify): what it
 * says when the link comes up is lost. Nobody waits for that, and with spanning tree it takes too long; what the link is needed for goes first.
 */
async function announce({ namespacePath, hostInterface, mac }: NodeNetworkHandle): Promise<void> {
  const deadline = Date.now() + FORWARDING_TIMEOUT_MS;
  const state = () => readFile(`/sys/class/net/${hostInterface}/brport/state`, "utf8").catch(() => "");
  do await delay(ANNOUNCE_PAUSE_MS);
  while ((await state()).trim() !== FORWARDING && Date.now() < deadline);
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

function isLeft(nodeId: string): boolean {
  const { hostInterface, namespacePath } = linkNames(nodeId);
  return interfaceIndexOf(hostInterface) !== undefined || existsSync(namespacePath);
}

function isNamespace(path: string): boolean {
  try {
    return statfsSync(path).type === NSFS_MAGIC;
  } catch {
    return false;
  }
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
