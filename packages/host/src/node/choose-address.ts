import { isIP } from "node:net";
import { OperationError } from "@blockvisor/image/container";
import { HostError } from "../errors/host-error.ts";
import { familyOf, hostBridge } from "../network/index.ts";
import { type AddressPool, canonical, freeAddresses, isListed } from "../place/addresses.ts";
import type { NodeHost } from "./node-host.ts";
import type { NodeTable } from "./node-table.ts";

/** Others that answer for an address are skipped; so many in a row mean that the range is not ours to use. */
const maxForeign = 16;

/** What a new node gets. Nobody else is given it until `release`, so that two creations at the same time do not choose the same. */
export interface ChosenAddresses {
  readonly ip: string;
  readonly extraIps: readonly string[];
  release(): void;
}

/**
 * The addresses of a new node: those asked for, or the first that are free; where the host has a second family one of each (DB-6.9). An
 * address for which another machine or installation on the bridge answers is refused or skipped, before anything of the node exists.
 * Errors: `invalid`, `no_resources`, `network-address-taken`, `network-bridge-invalid`.
 */
export async function chooseAddresses(
  host: NodeHost,
  nodes: NodeTable,
  wanted: { readonly ip: string; readonly extraIps: readonly string[] },
): Promise<ChosenAddresses> {
  const { network } = host.config;
  const [ip = "", ...extraIps] = [wanted.ip, ...wanted.extraIps].map(canonical);
  for (const each of [ip, ...extraIps]) {
    if (each === "" ? extraIps.includes(each) : isIP(each) === 0)
      throw new HostError("invalid", `invalid ip \`${each}\``);
  }
  if (new Set([ip, ...extraIps]).size <= extraIps.length) throw new HostError("invalid", "an address is given twice");
  for (const each of [ip, ...extraIps]) if (each !== "") await refuseForeign(host, nodes, each);
  const first = ip === "" ? await freeAddress(host, nodes, network) : { ip, release: () => {} };
  if (extraIps.length > 0) return { ...first, extraIps };
  try {
    const second = await secondFamily(host, nodes, first.ip);
    const release = (): void => {
      first.release();
      second.release();
    };
    return { ip: first.ip, extraIps: second.extraIps, release };
  } catch (error) {
    first.release();
    throw error;
  }
}

/**
 * Those of a node whose address the control plane has chosen, of which this host told it the list; of the second family it knows nothing.
 * Errors: `invalid` (DB-6.11), and as above.
 */
export async function assignedAddresses(host: NodeHost, nodes: NodeTable, ip: string): Promise<ChosenAddresses> {
  const { network } = host.config;
  const ours = [...network.availableIps, ...(network.ipv6?.availableIps ?? [])];
  if (ours.length > 0 && !isListed(ours, ip)) {
    throw new HostError("invalid", `the address ${ip}, which the API has assigned, is none of this host's`, {
      hint: "net_conf.available_ips of blockvisor.json has to have what this host was registered with",
    });
  }
  return { ip, ...(await secondFamily(host, nodes, ip)) };
}

/** One of version 6 for a node that has one of version 4, where the host has a list of them. */
async function secondFamily(host: NodeHost, nodes: NodeTable, ip: string): Promise<Omit<ChosenAddresses, "ip">> {
  const { network, runtime } = host.config;
  if (runtime.host_network || familyOf(ip) === 6 || !network.ipv6 || network.ipv6.availableIps.length === 0) {
    return { extraIps: [], release: () => {} };
  }
  const second = await freeAddress(host, nodes, network.ipv6);
  return { extraIps: [second.ip], release: second.release };
}

async function refuseForeign(host: NodeHost, nodes: NodeTable, ip: string): Promise<void> {
  if (host.config.runtime.host_network || nodes.usedAddresses().has(ip)) return;
  const holder = await holderOf(host, ip);
  if (holder === undefined) return;
  throw new OperationError("network-address-taken", `the address ${ip} is in use: ${holder}`, {
    fix: "choose another address, or leave it out to get a free one",
  });
}

async function freeAddress(
  host: NodeHost,
  nodes: NodeTable,
  pool: AddressPool,
): Promise<{ readonly ip: string; release(): void }> {
  let foreign = 0;
  for (const ip of freeAddresses(pool, nodes.usedAddresses())) {
    if (!nodes.reserveAddress(ip)) continue;
    const release = (): void => nodes.releaseAddress(ip);
    try {
      const holder = host.config.runtime.host_network ? undefined : await holderOf(host, ip);
      if (holder === undefined) return { ip, release };
      host.log.warn({ ip }, `address not used: ${holder}`);
    } catch (error) {
      release();
      throw error;
    }
    release();
    foreign += 1;
    if (foreign >= maxForeign) break;
  }
  throw new HostError("no_resources", "failed to auto assign ip - provide it manually", {
    hint:
      foreign > 0
        ? `other machines answer for ${foreign} of the addresses in net_conf.available_ips: correct it in blockvisor.json, or give an address with --ip`
        : "delete a node, widen net_conf.available_ips in blockvisor.json, or give an address with --ip",
  });
}

async function holderOf({ config, network }: NodeHost, ip: string): Promise<string | undefined> {
  await network.ensureBridge(hostBridge(config));
  return network.holderOf(config.interface, ip);
}
