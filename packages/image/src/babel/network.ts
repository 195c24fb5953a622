import { isIPv4, isIPv6 } from "node:net";

export type ParsedNetwork =
  | { readonly kind: "network"; readonly canonical: string }
  | { readonly kind: "invalid"; readonly reason: string; readonly suggestion?: string };

/**
 * An address or network of a firewall rule, in the one form that is compared and sent: canonical CIDR, a bare address for a single one.
 * Host bits, netmasks and short forms are refused with the corrected text, because the control plane refuses them (§3.7).
 */
export function parseNetwork(text: string): ParsedNetwork {
  if (text === "any") return { kind: "network", canonical: "0.0.0.0/0" };
  const [address = "", suffix, ...rest] = text.split("/");
  if (rest.length > 0) return { kind: "invalid", reason: "it has more than one /" };
  if (isIPv4(address)) return network(text, ipv4Bits(address), 32, suffix, formatIpv4);
  if (isIPv6(address) && !address.includes("%")) return network(text, ipv6Bits(address), 128, suffix, formatIpv6);
  const short = /^\d{1,3}(?:\.\d{1,3}){0,2}$/.exec(address);
  if (short && address.split(".").every((part) => Number(part) <= 255)) {
    const octets = address.split(".");
    const full = [...octets, "0", "0", "0"].slice(0, 4).join(".");
    return {
      kind: "invalid",
      reason: "it is not a complete address",
      suggestion: `${full}/${suffix ?? octets.length * 8}`,
    };
  }
  return { kind: "invalid", reason: "it is not an address or network" };
}

function network(
  text: string,
  bits: bigint,
  width: number,
  suffix: string | undefined,
  format: (bits: bigint) => string,
): ParsedNetwork {
  if (suffix === undefined) return { kind: "network", canonical: format(bits) };
  const prefix = /^\d{1,3}$/.test(suffix) ? Number(suffix) : width === 32 ? netmaskPrefix(suffix) : undefined;
  if (prefix === undefined || prefix > width)
    return { kind: "invalid", reason: `/${suffix} is not a prefix length from 0 to ${width}` };
  const hostBits = (1n << BigInt(width - prefix)) - 1n;
  const base = format(bits & ~hostBits);
  const canonical = prefix === width ? base : `${base}/${prefix}`;
  if (String(prefix) !== suffix) return { kind: "invalid", reason: "netmasks are not accepted", suggestion: canonical };
  if ((bits & hostBits) !== 0n)
    return { kind: "invalid", reason: `it has bits set below /${prefix}`, suggestion: canonical };
  return text.length > 0 ? { kind: "network", canonical } : { kind: "invalid", reason: "it is empty" };
}

function netmaskPrefix(mask: string): number | undefined {
  if (!isIPv4(mask)) return undefined;
  const inverted = ~ipv4Bits(mask) & 0xffffffffn;
  return (inverted & (inverted + 1n)) === 0n ? 32 - inverted.toString(2).replace(/^0$/, "").length : undefined;
}

function ipv4Bits(address: string): bigint {
  return address.split(".").reduce((bits, octet) => (bits << 8n) | BigInt(octet), 0n);
}

function formatIpv4(bits: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 255n).join(".");
}

function ipv6Bits(address: string): bigint {
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  const v4 = tail ? ipv4Bits(tail[2]!) : 0n;
  const text = tail ? `${tail[1]}${(v4 >> 16n).toString(16)}:${(v4 & 0xffffn).toString(16)}` : address;
  const [head = "", rest] = text.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = rest === undefined || rest === "" ? [] : rest.split(":");
  const groups =
    rest === undefined ? left : [...left, ...Array<string>(8 - left.length - right.length).fill("0"), ...right];
  return groups.reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}

/** RFC 5952: lower case, the longest run of zero groups as `::`. */
function formatIpv6(bits: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((bits >> BigInt((7 - index) * 16)) & 0xffffn).toString(16));
  const joined = groups.join(":");
  const runs = joined.match(/\b0(?::0)+\b/g) ?? [];
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), "");
  if (longest === "") return joined;
  const at = joined.indexOf(longest);
  const before = joined.slice(0, at).replace(/:$/, "");
  const after = joined.slice(at + longest.length).replace(/^:/, "");
  return `${before}::${after}`;
}
