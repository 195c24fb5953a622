import { isIPv6 } from "node:net";
import type { NodeEnv } from "@blockvisor/plugin";
import type { HostConfig } from "../config/host-config.ts";
import type { NodeState } from "./node-state.ts";

export const dataMountPoint = "/blockjoy";
const protocolDataPath = "/blockjoy/protocol_data";

/** What scripts, jobs and babel are told about their node (spec babel-agent §1.4). */
export function nodeEnvOf(state: NodeState, config: HostConfig): NodeEnv {
  return {
    node_id: state.id,
    node_name: state.name,
    node_org_id: state.org_id,
    node_version: state.image.version,
    node_protocol: state.image_key.protocol_key,
    node_variant: state.image_key.variant_key,
    node_ip: state.ip,
    node_ipv6: state.extra_ips.find(isIPv6) ?? "",
    node_gateway: state.gateway,
    dev_mode: state.dev_mode,
    bv_host_id: config.hostId,
    bv_host_name: config.hostName,
    bv_api_url: config.apiUrl ?? "",
    data_mount_point: dataMountPoint,
    protocol_data_path: protocolDataPath,
    properties: state.properties,
  };
}

/** The same as environment variables of babel, and so of every job (spec babel-agent §1.5, D1-12). */
function environmentOf(env: NodeEnv): Record<string, string> {
  const { properties, ...fields } = env;
  const variables: Record<string, string> = {};
  for (const [key, value] of Object.entries(fields)) variables[key.toUpperCase()] = String(value);
  for (const [key, value] of Object.entries(properties)) {
    variables[`BV_PROP_${key.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`] = value;
  }
  return variables;
}

/** What every process needs to find programs, in images that say nothing about it. */
export const basicEnvironment = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root" };

/** The whole environment of babel and its jobs, and of a shell in the node: what the image sets, then what the platform tells. */
export function processEnvironment(image: Readonly<Record<string, string>>, env: NodeEnv): Record<string, string> {
  return { ...basicEnvironment, ...image, ...environmentOf(env) };
}
