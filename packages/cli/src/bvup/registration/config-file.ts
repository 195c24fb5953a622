import { accessSync, constants, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { Failure, reason } from "../../failure/failure.ts";
import { replaceFile } from "../../files/replace-file.ts";
import { foundHostConfig, hostConfigPath } from "../../place/root.ts";
import { rangesOf } from "../network/address.ts";
import type { HostNetwork } from "../network/choose.ts";
import type { BvupOptions } from "../options.ts";

/** Who the control plane says this host is. */
export interface Registration {
  readonly hostId: string;
  readonly orgId: string | null;
  readonly provisionOrgId: string;
  readonly token: string;
  readonly refresh: string;
}

/** Refuses to forget a host: its tokens exist nowhere else (DB-8.2). */
export function refuseSecondRegistration(force: boolean): void {
  const path = foundHostConfig();
  if (path === undefined || force) return;
  let name = "";
  try {
    const config: unknown = JSON.parse(readFileSync(path, "utf8"));
    const { id, nodexeus_api_url: url } = config as { id?: unknown; nodexeus_api_url?: unknown };
    if (id === undefined && url === undefined) return;
    name = ` as ${String(id)} at ${String(url)}`;
  } catch (error) {
    name = ` (${path} cannot be read: ${reason(error)})`;
  }
  throw new Failure("already-registered", `this machine is registered already${name}`, {
    hint: "`bv status` shows it; --force registers it once more, as another host",
  });
}

/** Found out before the host is made: afterwards its token would be lost. */
export function requireWritableConfig(): void {
  const directory = dirname(hostConfigPath());
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new Failure("file-unwritable", `cannot write to ${directory}`, {
      causes: [reason(error)],
      hint: "run it as root",
    });
  }
}

/** `etc/blockvisor.json` (host-daemon §1.6): it holds tokens, so only root reads it. */
export function writeConfig(
  registration: Registration,
  network: HostNetwork,
  api: string,
  name: string,
  options: BvupOptions,
): void {
  const limits = !options.useHostNetwork;
  const config = {
    id: registration.hostId,
    org_id: registration.orgId,
    private_org_id: options.private ? registration.provisionOrgId : null,
    name,
    token: registration.token,
    refresh_token: registration.refresh,
    nodexeus_api_url: api,
    nodexeus_mqtt_url: null,
    update_check_interval_secs: options.update,
    blockvisor_port: options.port,
    iface: network.iface,
    net_conf: {
      gateway_ip: network.gatewayIp,
      host_ip: network.hostIp,
      prefix: network.prefix,
      available_ips: rangesOf(network.availableIps),
      ...(network.ipv6 ? { ipv6: ipv6Config(network.ipv6) } : {}),
    },
    cluster_id: null,
    cluster_port: null,
    cluster_seed_urls: null,
    apptainer: {
      extra_args: null,
      host_network: options.useHostNetwork ?? false,
      cpu_limit: limits,
      memory_limit: limits,
    },
    maintenance_mode: false,
  };
  replaceFile(hostConfigPath(), `${JSON.stringify(config)}\n`, 0o600);
}

function ipv6Config({ gatewayIp, hostIp, prefix, availableIps }: NonNullable<HostNetwork["ipv6"]>) {
  return { gateway_ip: gatewayIp, host_ip: hostIp, prefix, available_ips: availableIps };
}
