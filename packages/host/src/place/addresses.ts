import { isIPv4 } from "node:net";
import { HostError } from "../errors/host-error.ts";

/**
 * Addresses named by a list of single addresses, `a-b` ranges and IPv4 CIDRs (without network and broadcast up to /30), lazily:
 * a /8 in the configuration must cost nothing (spec host-daemon DB-1.6).
 */
export function* expandAddresses(list: readonly string[]): Generator<string> {
  for (const item of list) {
    const [first, last] = rangeOf(item);
    if (first === undefined || last === undefined) {
      yield item;
      continue;
    }
    for (let value = first; value <= last; value += 1) yield format(value);
  }
}

function rangeOf(item: string): readonly [number, number] | readonly [undefined, undefined] {
  const [left, right] = item.split(/[-/]/);
  if (left === undefined || right === undefined) return [undefined, undefined];
  if (item.includes("-")) {
    if (!isIPv4(left) || !isIPv4(right)) throw new HostError("config_error", `invalid ip range '${item}'`);
    return [parse(left), parse(right)];
  }
  const prefix = Number(right);
  if (!isIPv4(left) || !Number.isInteger(prefix) || prefix < 0 || prefix > 32) {
    throw new HostError("config_error", `cannot parse '${item}' as cidr`);
  }
  const size = 2 ** (32 - prefix);
  const network = parse(left) - (parse(left) % size);
  return prefix <= 30 ? [network + 1, network + size - 2] : [network, network + size - 1];
}

/** Addresses that may go to a new node, in order. */
export function* freeAddresses(
  network: { readonly gatewayIp: string; readonly hostIp: string; readonly availableIps: readonly string[] },
  used: ReadonlySet<string>,
): Generator<string> {
  for (const ip of expandAddresses(network.availableIps)) {
    if (ip !== network.gatewayIp && ip !== network.hostIp && !used.has(ip)) yield ip;
  }
}

function parse(ip: string): number {
  return ip.split(".").reduce((value, part) => value * 256 + Number(part), 0);
}

function format(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}
