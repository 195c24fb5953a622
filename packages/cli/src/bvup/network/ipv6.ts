import { isIPv6 } from "node:net";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { z } from "zod";
import { Failure } from "../../failure/failure.ts";
import { runTool } from "../../process/run-tool.ts";

/** The second family of addresses of nodes, as `net_conf.ipv6` has it (host-daemon DB-6.9). */
export interface Ipv6Network {
  readonly gatewayIp: string;
  readonly hostIp: string;
  readonly prefix: number;
  /** Networks; the daemon leaves out the gateway and the machine itself. */
  readonly availableIps: readonly string[];
}

const defaultPrivate = "fd77::/64";
/** In smaller ones there is no room for a node beside the machine and what routers have. */
const longestPrefix = 125;

/**
 * `--ipv6`: what the bridge is in, or with `network` (or without a bridge: `isPrivate`) a network that only this machine knows. Error
 * `usage`, `network-undetected`.
 */
export async function chooseIpv6(network: string | true, isPrivate: boolean, iface: string): Promise<Ipv6Network> {
  if (network !== true) return privateIpv6(network);
  if (isPrivate) return privateIpv6(defaultPrivate);
  const { status, stdout, tail } = await runTool("ip", ["-6", "--json", "route", "show", "default"], {
    missing: "install it: apt-get install iproute2",
  });
  if (status !== 0) throw undetected(`ip route failed: ${tail}`);
  return ipv6OfMachine(networkInterfaces()[iface] ?? [], stdout, iface);
}

/** `addresses` of the bridge; `routes`: the default ones, as `ip --json` tells them. */
export function ipv6OfMachine(
  addresses: readonly Pick<NetworkInterfaceInfo, "family" | "address" | "cidr">[],
  routes: string,
  iface: string,
): Ipv6Network {
  // What begins with fe80 is known on this link only.
  const own = addresses.find(({ family, address }) => family === "IPv6" && !/^fe[89ab]/i.test(address));
  if (!own?.cidr) throw undetected(`${iface} has no address of version 6`);
  const gateway = z.array(z.looseObject({ gateway: z.string().optional() })).parse(JSON.parse(routes))[0]?.gateway;
  if (gateway === undefined) throw undetected("there is no default route of version 6");
  const prefix = Number(own.cidr.split("/")[1]);
  if (prefix > longestPrefix) throw undetected(`the network of ${own.cidr} has no addresses for nodes`);
  return { gatewayIp: gateway, hostIp: own.address, prefix, availableIps: [own.cidr] };
}

/** The first address is the machine's, which is also the way out. */
export function privateIpv6(text: string): Ipv6Network {
  const [, base = "", bits = ""] = /^([0-9a-f:]+::)\/(\d{1,3})$/i.exec(text) ?? [];
  const prefix = Number(bits);
  if (!isIPv6(base) || prefix > longestPrefix) {
    throw new Failure("usage", `cannot parse '${text}' as network of version 6`, {
      hint: `write it like ${defaultPrivate}`,
    });
  }
  const hostIp = `${base}1`;
  return { gatewayIp: hostIp, hostIp, prefix, availableIps: [text] };
}

function undetected(why: string): Failure {
  return new Failure("network-undetected", why, {
    hint: `configure the bridge first, or name a network that only this machine knows: --ipv6 ${defaultPrivate}`,
  });
}
