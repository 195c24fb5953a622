import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { HostError } from "../errors/host-error.ts";
import { formatAddress } from "../network/index.ts";

const unspecified = "0.0.0.0";

/** The subnet of nodes as a configuration names it. */
interface Subnet {
  readonly gatewayIp: string;
  readonly hostIp: string;
  readonly prefix: number;
  readonly availableIps: readonly string[];
}

/**
 * What `net_conf` leaves open with a host_ip of 0.0.0.0, as the machine has it (spec host-daemon §1.6, §6.3): address and prefix of the
 * bridge, the gateway of the default route, and the whole subnet for nodes. Nothing is written back (DB-1.2): it is found again at each start.
 * Error `config_error`.
 */
export function completed<T extends Subnet>(network: T, link: string): T {
  if (network.hostIp !== unspecified) return network;
  const links = networkInterfaces();
  const own = links[link]?.find(({ family }) => family === "IPv4");
  if (own?.cidr === undefined || own.cidr === null) {
    throw undetected(
      `failed to find network configuration for interface '${link}'. Available interfaces: [${Object.keys(links).join(", ")}]`,
    );
  }
  const { gatewayIp, availableIps } = network;
  return {
    ...network,
    hostIp: own.address,
    prefix: Number(own.cidr.split("/")[1]),
    gatewayIp: gatewayIp === unspecified ? defaultGateway() : gatewayIp,
    availableIps: availableIps.length === 0 ? [own.cidr] : availableIps,
  };
}

/** Of the first default route, whatever its link. */
function defaultGateway(): string {
  const routes = readFileSync("/proc/net/route", "latin1").split("\n");
  for (const route of routes) {
    const [, destination, gateway = "", , , , , mask] = route.split("\t");
    if (destination !== "00000000" || mask !== "00000000" || gateway === "00000000") continue;
    // As the kernel keeps it in memory, read as one number: its last byte is the address's first.
    return formatAddress(4, BigInt(`0x${Buffer.from(gateway, "hex").reverse().toString("hex")}`));
  }
  throw undetected("default route not found");
}

function undetected(problem: string): HostError {
  return new HostError("config_error", `net_conf.host_ip is 0.0.0.0, and ${problem}`, {
    hint: "configure the bridge before the daemon starts, or set gateway_ip, host_ip, prefix and available_ips of net_conf",
  });
}
