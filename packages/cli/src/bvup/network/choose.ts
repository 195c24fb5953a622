import { Failure } from "../../failure/failure.ts";
import type { BvupOptions } from "../options.ts";
import { formatAddress, hostsOf, parseAddress, parseAddressList, parseNetwork } from "./address.ts";
import { type DetectedNetwork, detectNetwork } from "./detect.ts";
import { chooseIpv6, type Ipv6Network } from "./ipv6.ts";

export interface HostNetwork {
  readonly iface: string;
  readonly gatewayIp: string;
  readonly hostIp: string;
  readonly prefix: number;
  readonly availableIps: readonly string[];
  /** Beside these, which are of version 4. */
  readonly ipv6?: Ipv6Network;
}

const defaultPrivateNetwork = "10.77.0.0/24";
const lastPrefix = 32;

/** What was given, else what was detected; `question` asks for each value when there is somebody to ask. */
export async function chooseNetwork(
  options: BvupOptions,
  question: (label: string, proposal: string) => Promise<string>,
): Promise<HostNetwork> {
  if (options.ipv6 !== undefined && options.useHostNetwork) {
    throw new Failure(
      "usage",
      "--ipv6 is about nodes with addresses of their own, which --use-host-network gives none",
    );
  }
  const found = await known(options);
  const iface = options.useHostNetwork ? options.ifa : await question("Bridge interface", options.ifa);
  const gatewayIp = address("gateway ip", await question("Gateway ip", options.gatewayIp ?? found.gatewayIp ?? ""));
  const hostIp = address("host ip", await question("Host ip", options.hostIp ?? found.hostIp ?? ""));
  const prefixText = options.netPrefix ?? options.net_prefix ?? found.prefix ?? lastPrefix;
  const prefix = Number(options.useHostNetwork ? lastPrefix : await question("Subnet prefix", String(prefixText)));
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > lastPrefix) {
    throw new Failure("usage", `'${prefix}' is not a prefix length (0 to ${lastPrefix})`);
  }
  const proposed = options.availableIps ?? proposal(found.availableIps ?? [], options.useHostNetwork ?? false, hostIp);
  const list = await question("Available ips", proposed);
  const taken = options.useHostNetwork ? [] : [hostIp, gatewayIp];
  const network = { iface, gatewayIp, hostIp, prefix, availableIps: parseAddressList(list, taken) };
  if (options.ipv6 === undefined) return network;
  return { ...network, ipv6: await chooseIpv6(options.ipv6, options.privateNetwork !== undefined, iface) };
}

/** Host-daemon §8.2: with nothing detected, or the host's own network, it is the host's address alone. */
function proposal(available: readonly string[], hostNetwork: boolean, hostIp: string): string {
  return hostNetwork || available.length === 0 ? hostIp : available.join(",");
}

async function known(options: BvupOptions): Promise<Partial<DetectedNetwork>> {
  if (options.privateNetwork !== undefined) return privateNetwork(options.privateNetwork);
  const iface = options.useHostNetwork ? undefined : options.ifa;
  try {
    return await detectNetwork(iface ?? "br0");
  } catch (error) {
    const given = options.gatewayIp !== undefined && options.hostIp !== undefined;
    if (given && error instanceof Failure) return {};
    throw error;
  }
}

/** The first address is the machine's, which is also the way out; the rest is for nodes. */
function privateNetwork(text: string | true): DetectedNetwork {
  const network = parseNetwork(text === true ? defaultPrivateNetwork : text);
  const [host, ...rest] = network ? hostsOf(network) : [];
  if (!network || host === undefined || rest.length === 0) {
    throw new Failure("usage", `cannot parse '${text}' as cidr`, { hint: `write it like ${defaultPrivateNetwork}` });
  }
  const hostIp = formatAddress(host);
  return { gatewayIp: hostIp, hostIp, prefix: network.prefix, availableIps: rest.map(formatAddress) };
}

function address(what: string, text: string): string {
  if (text === "")
    throw new Failure("usage", `${what} can't be unspecified`, { hint: `give --${what.replace(" ", "-")}` });
  if (parseAddress(text) === undefined) throw new Failure("usage", `invalid ip provided '${text}'`);
  return text;
}
