import { z } from "zod";
import { Failure, reason } from "../../failure/failure.ts";
import { runTool } from "../../process/run-tool.ts";
import { formatAddress, hostsOf, parseAddress, parseNetwork } from "./address.ts";

const routesSchema = z.array(
  z.looseObject({
    dst: z.string(),
    gateway: z.string().optional(),
    dev: z.string().optional(),
    prefsrc: z.string().optional(),
    protocol: z.string().optional(),
  }),
);
type Route = z.infer<typeof routesSchema>[number];

export interface DetectedNetwork {
  readonly gatewayIp: string;
  readonly hostIp: string;
  readonly prefix: number;
  readonly availableIps: readonly string[];
}

/** Asks `ip --json route` (host-daemon §6.3). */
export async function detectNetwork(iface: string): Promise<DetectedNetwork> {
  const { status, stdout, tail } = await runTool("ip", ["--json", "route"], {
    missing: "install it: apt-get install iproute2, or give --gateway-ip, --host-ip, --net-prefix and --available-ips",
  });
  if (status !== 0) throw undetected(`ip route failed: ${tail}`);
  return networkOfRoutes(stdout, iface);
}

/** The texts of its errors are part of the contract. */
export function networkOfRoutes(json: string, iface: string): DetectedNetwork {
  const routes = parseRoutes(json);
  const defaultRoute = routes.find(({ dst }) => dst === "default");
  if (!defaultRoute) throw undetected(`default route not found. Available routes: ${JSON.stringify(routes)}`);
  if (!defaultRoute.gateway) {
    throw undetected(`default route 'gateway' field not found. Route info: ${JSON.stringify(defaultRoute)}`);
  }
  if (parseAddress(defaultRoute.gateway) === undefined) {
    throw undetected(`failed to parse gateway ip '${defaultRoute.gateway}'`);
  }
  const own = routes.find((route) => route.dev === iface && isKernelNetwork(route));
  if (!own?.prefsrc) {
    const interfaces = [...new Set(routes.flatMap(({ dev }) => dev ?? []))];
    throw undetected(
      `failed to find network configuration for interface '${iface}'. Available interfaces: [${interfaces.join(", ")}]. ` +
        `Searched routes: ${JSON.stringify(routes)}`,
    );
  }
  const network = parseNetwork(own.dst.includes("/") ? own.dst : `${own.dst}/32`);
  const hostIp = parseAddress(own.prefsrc);
  if (hostIp === undefined || !network) throw undetected(`cannot parse host ip '${own.prefsrc}'`);
  const taken = [own.prefsrc, defaultRoute.gateway];
  return {
    gatewayIp: defaultRoute.gateway,
    hostIp: own.prefsrc,
    prefix: network.prefix,
    availableIps: hostsOf(network)
      .map(formatAddress)
      .filter((address) => !taken.includes(address)),
  };
}

function isKernelNetwork({ dst, prefsrc, protocol }: Route): boolean {
  return protocol === "kernel" && prefsrc !== undefined && (parseNetwork(dst) ?? parseAddress(dst)) !== undefined;
}

function parseRoutes(json: string): readonly Route[] {
  try {
    return routesSchema.parse(JSON.parse(json));
  } catch (error) {
    throw undetected(`JSON parsing error: ${reason(error)}`);
  }
}

function undetected(why: string): Failure {
  return new Failure("network-undetected", why, {
    hint: "configure the bridge first, name another one with --ifa, or give --gateway-ip, --host-ip, --net-prefix and --available-ips",
  });
}
