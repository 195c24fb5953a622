import { isIPv4 } from "node:net";
import { OperationError } from "@blockvisor/image/container";
import { HostError } from "../errors/host-error.ts";
import { hostBridge } from "../network/index.ts";
import { freeAddresses } from "../place/addresses.ts";
import type { NodeHost } from "./node-host.ts";
import type { NodeTable } from "./node-table.ts";

/** Others that answer for an address are skipped; so many in a row mean that the range is not ours to use. */
const maxForeign = 16;

/**
 * The address of a new node: the one asked for, or the first free one. An address for which another machine or installation on the bridge
 * answers is refused or skipped, before anything of the node exists. It is reserved until `release`, so that two creations at the same time
 * do not choose the same.
 * Errors: `no_resources`, `network-address-taken`, `network-bridge-invalid`.
 */
export async function chooseAddress(
  host: NodeHost,
  nodes: NodeTable,
  wanted: string,
): Promise<{ readonly ip: string; release(): void }> {
  const onHostNetwork = host.config.runtime.host_network;
  if (wanted !== "") {
    const holder =
      onHostNetwork || !isIPv4(wanted) || nodes.usedAddresses().has(wanted) ? undefined : await holderOf(host, wanted);
    if (holder !== undefined) {
      throw new OperationError("network-address-taken", `the address ${wanted} is in use: ${holder}`, {
        fix: "choose another address, or leave it out to get a free one",
      });
    }
    return { ip: wanted, release: () => {} };
  }
  let foreign = 0;
  for (const ip of freeAddresses(host.config.network, nodes.usedAddresses())) {
    if (!nodes.reserveAddress(ip)) continue;
    const release = (): void => nodes.releaseAddress(ip);
    try {
      const holder = onHostNetwork ? undefined : await holderOf(host, ip);
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
