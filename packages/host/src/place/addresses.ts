import { HostError } from "../errors/host-error.ts";
import { boundsOf, type Cidr, familyOf, formatAddress, parseCidr } from "../network/index.ts";

interface Range {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * Addresses named by a list of single addresses, `a-b` ranges and CIDRs of either family, lazily: a /8 in the configuration must cost
 * nothing (spec host-daemon DB-1.6). Of an IPv4 network up to /30 without network and broadcast address, of an IPv6 network up to /126
 * without its first address, which is any router's (RFC 4291). Error `config_error`.
 */
export function* expandAddresses(list: readonly string[]): Generator<string> {
  for (const item of list) {
    const { family, first, last } = rangeOf(item);
    for (let value = first; value <= last; value += 1n) yield formatAddress(family, value);
  }
}

/** Whether an address is one of the list's. Error `config_error`. */
export function isListed(list: readonly string[], ip: string): boolean {
  const address = parseCidr(ip);
  if (address === undefined) return false;
  return list
    .map(rangeOf)
    .some(
      ({ family, first, last }) => family === address.family && first <= address.network && address.network <= last,
    );
}

function rangeOf(item: string): Range {
  if (item.includes("-")) {
    const [first, last, ...rest] = item.split("-").map(parseAddress);
    if (!first || !last || rest.length > 0 || first.family !== last.family) {
      throw new HostError("config_error", `invalid ip range '${item}'`);
    }
    return { family: first.family, first: first.network, last: last.network };
  }
  const cidr = parseCidr(item);
  if (!cidr) {
    throw new HostError(
      "config_error",
      item.includes("/") ? `cannot parse '${item}' as cidr` : `invalid ip provided '${item}'`,
    );
  }
  const [first, last] = boundsOf(cidr);
  const { family, prefix } = cidr;
  if (family === 4) return prefix <= 30 ? { family, first: first + 1n, last: last - 1n } : { family, first, last };
  return prefix <= 126 ? { family, first: first + 1n, last } : { family, first, last };
}

function parseAddress(text: string): Cidr | undefined {
  return text.includes("/") ? undefined : parseCidr(text.trim());
}

/** What nodes may have of one family, and what they may not. */
export interface AddressPool {
  readonly gatewayIp: string;
  readonly hostIp: string;
  readonly availableIps: readonly string[];
}

/** Addresses that may go to a new node, in order. */
export function* freeAddresses(network: AddressPool, used: ReadonlySet<string>): Generator<string> {
  const taken = new Set([network.gatewayIp, network.hostIp].map(canonical));
  for (const ip of expandAddresses(network.availableIps)) if (!taken.has(ip) && !used.has(ip)) yield ip;
}

/** The same spelling for the same address; what is none stays. */
export function canonical(ip: string): string {
  const cidr = parseAddress(ip);
  return cidr ? formatAddress(familyOf(ip), cidr.network) : ip;
}
