import { Failure } from "../../failure/failure.ts";

/** IPv4 addresses as numbers. */

const largestPool = 65_536;

export function parseAddress(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (!parts || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((value, part) => value * 256 + part, 0);
}

export function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

export interface Network {
  readonly first: number;
  readonly last: number;
  readonly prefix: number;
}

export function parseNetwork(text: string): Network | undefined {
  const match = /^([^/]+)\/(\d{1,2})$/.exec(text);
  const address = parseAddress(match?.[1] ?? "");
  const prefix = Number(match?.[2]);
  if (address === undefined || prefix > 32) return undefined;
  const size = 2 ** (32 - prefix);
  const first = Math.floor(address / size) * size;
  return { first, last: first + size - 1, prefix };
}

/** All addresses of a network that machines can have: without network and broadcast address up to /30 (host-daemon §6.3). */
export function hostsOf({ first, last, prefix }: Network): readonly number[] {
  const edge = prefix <= 30 ? 1 : 0;
  return prefix === 32 ? [] : range(first + edge, last - edge);
}

/**
 * `--available-ips`: items separated by commas, each a network, a range `a-b` or an address; `taken` ones are left out. Errors are
 * part of the contract (host-daemon §6.3).
 */
export function parseAddressList(text: string, taken: readonly string[]): readonly string[] {
  const without = new Set(taken.map(parseAddress));
  const items = text.split(",").map((item) => item.trim());
  const addresses = new Set(items.filter((item) => item !== "").flatMap(parseItem));
  return [...addresses].filter((address) => !without.has(address)).map(formatAddress);
}

/** The same addresses as the configuration has them: what follows on each other as `first-last` (host-daemon DB-1.6). */
export function rangesOf(addresses: readonly string[]): readonly string[] {
  const ranges: { readonly first: number; last: number }[] = [];
  for (const value of addresses.map((address) => parseAddress(address) ?? 0).toSorted((a, b) => a - b)) {
    const before = ranges.at(-1);
    if (before !== undefined && value <= before.last + 1) before.last = value;
    else ranges.push({ first: value, last: value });
  }
  return ranges.map(({ first, last }) =>
    first === last ? formatAddress(first) : `${formatAddress(first)}-${formatAddress(last)}`,
  );
}

function parseItem(item: string): readonly number[] {
  if (item.includes("/")) {
    const network = parseNetwork(item);
    if (!network) throw new Failure("usage", `cannot parse '${item}' as cidr`);
    return network.prefix === 32 ? [network.first] : hostsOf(network);
  }
  if (item.includes("-")) {
    const [from, to, ...rest] = item.split("-").map((end) => parseAddress(end.trim()));
    if (from === undefined || to === undefined || rest.length > 0 || from > to) {
      throw new Failure("usage", `invalid ip range '${item}'`);
    }
    return range(from, to);
  }
  const address = parseAddress(item);
  if (address === undefined) throw new Failure("usage", `invalid ip provided '${item}'`);
  return [address];
}

function range(from: number, to: number): readonly number[] {
  const size = to - from + 1;
  if (size > largestPool)
    throw new Failure("usage", `${size} addresses are too many for one host (${largestPool} at most)`);
  return Array.from({ length: Math.max(0, size) }, (_, index) => from + index);
}
