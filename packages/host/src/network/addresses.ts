import { isIPv4, isIPv6 } from "node:net";
import { OperationError } from "@blockvisor/image/container";

/** An IP network: `bits` of the address that matter, host bits cleared. */
export interface Cidr {
  readonly family: 4 | 6;
  readonly network: bigint;
  readonly prefix: number;
}

/** Parses `address` or `address/prefix`; bits of the host part are cleared. `undefined`: neither. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = "", prefixText, ...rest] = text.split("/");
  const family = isIPv4(address) ? 4 : isIPv6(address) && !address.includes("%") ? 6 : undefined;
  if (!family || rest.length > 0) return undefined;
  const bits = family === 4 ? 32 : 128;
  const prefix = prefixText === undefined ? bits : /^\d{1,3}$/.test(prefixText) ? Number(prefixText) : -1;
  if (prefix < 0 || prefix > bits) return undefined;
  const hostBits = BigInt(bits - prefix);
  return { family, network: (addressBits(address, family) >> hostBits) << hostBits, prefix };
}

export function contains(outer: Cidr, inner: Cidr): boolean {
  if (outer.family !== inner.family || outer.prefix > inner.prefix) return false;
  const hostBits = BigInt((outer.family === 4 ? 32 : 128) - outer.prefix);
  return inner.network >> hostBits === outer.network >> hostBits;
}

export function formatCidr({ family, network, prefix }: Cidr): string {
  if (family === 4) {
    const bytes = [24n, 16n, 8n, 0n].map((shift) => (network >> shift) & 0xffn);
    return `${bytes.join(".")}/${prefix}`;
  }
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((network >> BigInt(112 - index * 16)) & 0xffffn).toString(16),
  );
  return `${shortened(groups.join(":"))}/${prefix}`;
}

/** The longest run of two or more zero groups, of several the first, becomes `::` (RFC 5952). */
function shortened(groups: string): string {
  const runs = [...groups.matchAll(/\b0(?::0)+\b/g)].toSorted((a, b) => b[0].length - a[0].length);
  const [longest] = runs;
  if (!longest) return groups;
  const before = groups.slice(0, longest.index).replace(/:$/, "");
  const after = groups.slice(longest.index + longest[0].length).replace(/^:/, "");
  return `${before}::${after}`;
}

/** The network as the addresses in it: first and last, as numbers. */
export function boundsOf({ family, network, prefix }: Cidr): readonly [first: bigint, last: bigint] {
  return [network, network + (1n << BigInt((family === 4 ? 32 : 128) - prefix)) - 1n];
}

/** An address from its number. */
export function formatAddress(family: 4 | 6, value: bigint): string {
  const cidr = { family, network: value, prefix: family === 4 ? 32 : 128 } as const;
  return formatCidr(cidr).replace(/\/\d+$/, "");
}

export function familyOf(ip: string): 4 | 6 {
  return ip.includes(":") ? 6 : 4;
}

/** The same spelling for the same address. Error `network-address-invalid`. */
export function canonicalAddress(text: string): string {
  const cidr = text.includes("/") ? undefined : parseCidr(text);
  if (!cidr) {
    throw new OperationError("network-address-invalid", `'${text}' is no IP address`, {
      fix: "use an IPv4 or IPv6 address without prefix",
    });
  }
  return formatCidr(cidr).replace(/\/\d+$/, "");
}

function addressBits(address: string, family: 4 | 6): bigint {
  if (family === 4) return address.split(".").reduce((bits, byte) => (bits << 8n) | BigInt(byte), 0n);
  // An embedded IPv4 tail counts as two groups.
  const plain = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    [Number(a) * 256 + Number(b), Number(c) * 256 + Number(d)].map((group) => group.toString(16)).join(":"),
  );
  const [head = "", tail] = plain.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array<string>(8 - left.length - right.length).fill("0");
  return [...left, ...zeros, ...right].reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}
