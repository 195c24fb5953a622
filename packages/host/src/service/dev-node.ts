import { randomUUID } from "node:crypto";
import type {
  CreateDevNodeRequest,
  Firewall as FirewallMessage,
  UpgradeDevNodeRequest,
  VmConfig as VmConfigMessage,
} from "@blockvisor/wire/blockvisor/host/v1/host";
import type { HostConfig } from "../config/host-config.ts";
import { HostError } from "../errors/host-error.ts";
import { checkFirewall } from "../firewall/index.ts";
import { familyOf } from "../network/index.ts";
import {
  contentOf,
  defaultFirewall,
  type Firewall,
  firewallSchema,
  type NodeContent,
  type NodeState,
  nodeStateSchema,
  type VmConfig,
  vmConfigSchema,
} from "../node/node-state.ts";

const nilId = "00000000-0000-0000-0000-000000000000";

/** What is chosen for a new node: its addresses, and its name if none is given. */
export interface NewNode {
  readonly ip: string;
  readonly extraIps: readonly string[];
  readonly name: string;
}

/** The state of a new dev node (spec nib-and-images §5.4); what the request leaves out is chosen here. */
export function devNodeState(
  request: CreateDevNodeRequest,
  config: HostConfig,
  { ip, extraIps, name }: NewNode,
  ownVersion: string,
): NodeState {
  if (request.imageUri === "") throw new HostError("invalid", "image_uri is missing");
  const state = nodeStateSchema.safeParse({
    id: request.id || randomUUID(),
    name: request.name || name,
    dev_mode: true,
    ip,
    extra_ips: extraIps,
    gateway: request.gateway || gatewayFor(ip, config),
    image_key: {
      protocol_key: request.imageKey?.protocolKey ?? "",
      variant_key: request.imageKey?.variantKey ?? "",
    },
    protocol_id: "dev-node-protocol-id",
    properties: request.properties,
    secret_properties: request.secretProperties,
    firewall: firewallOf(request.firewall),
    display_name: "",
    org_id: "dev-node-org-id",
    org_name: "dev node org name",
    protocol_name: "dev node protocol name",
    dns_name: "dev.node.dns.name",
    tags: request.tags,
    vm_config: vmOf(request.vm),
    image: {
      id: nilId,
      version: request.imageVersion,
      config_id: nilId,
      archive_id: nilId,
      store_key: request.storeKey || "dev-node-store-id",
      uri: request.imageUri,
      min_babel_version: request.minBabelVersion || ownVersion,
    },
    expected_status: request.start ? "Running" : "Stopped",
    provisional: request.start && !request.keep,
    initialized: false,
    restarting: false,
  });
  if (state.success) return state.data;
  const [issue] = state.error.issues;
  throw new HostError("invalid", `${issue?.path.join(".")}: ${issue?.message}`);
}

/** The host's in the family of the node's address. */
function gatewayFor(ip: string, { network }: HostConfig): string {
  const isSecond = network.ipv6 && familyOf(ip) === 6;
  return isSecond ? network.ipv6.gatewayIp : network.gatewayIp;
}

/** What a dev node becomes by an upgrade: image, resources and firewall from the request, the rest as it was. */
export function upgradedContent(state: NodeState, request: UpgradeDevNodeRequest): NodeContent {
  const content = contentOf(state);
  const uri = request.imageUri || content.image.uri;
  const version = request.imageVersion || content.image.version;
  return {
    ...content,
    ...(request.vm ? { vm_config: vmOf(request.vm) } : {}),
    ...(request.firewall ? { firewall: firewallOf(request.firewall) } : {}),
    ...(request.properties
      ? { properties: request.properties.values, secret_properties: request.properties.secretProperties }
      : {}),
    image: {
      ...content.image,
      id: `dev-node-image-id-${version}`,
      version,
      uri,
      digest: "",
      rootfs: "",
      privileged: false,
    },
  };
}

/** Dev nodes are never pinned to cores (spec host-daemon §4.2). */
function vmOf(vm: VmConfigMessage | undefined): VmConfig {
  return vmConfigSchema.parse({
    vcpu_count: 0,
    mem_size_mb: Number(vm?.memoryMb ?? 0n),
    disk_size_gb: Number(vm?.diskGb ?? 0n),
    ramdisks: (vm?.ramdisks ?? []).map((disk) => ({
      ram_disk_mount_point: disk.mount,
      ram_disk_size_mb: Number(disk.sizeMb),
    })),
  });
}

function firewallOf(message: FirewallMessage | undefined): Firewall {
  if (message === undefined) return defaultFirewall;
  const parsed = firewallSchema.safeParse({
    default_in: message.defaultIn || defaultFirewall.default_in,
    default_out: message.defaultOut || defaultFirewall.default_out,
    rules: message.rules.map((rule) => ({ ...rule, protocol: rule.protocol || null })),
  });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new HostError("invalid", `firewall: ${issue?.path.join(".")}: ${issue?.message}`);
  }
  checkFirewall(parsed.data);
  return parsed.data;
}
