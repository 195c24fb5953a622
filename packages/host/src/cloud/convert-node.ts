import { isIP } from "node:net";
import type { FirewallConfig, PropertyValueConfig } from "@blockvisor/wire/blockjoy/common/v1/config";
import { FirewallAction, FirewallDirection, FirewallProtocol } from "@blockvisor/wire/blockjoy/common/v1/config";
import type { Node } from "@blockvisor/wire/blockjoy/v1/node";
import { HostError } from "../errors/host-error.ts";
import {
  defaultFirewall,
  type Firewall,
  type NodeContent,
  type NodeState,
  nodeStateSchema,
} from "../node/node-state.ts";
import { canonical } from "../place/addresses.ts";

const mb = 1_000_000n;
const gb = 1_000_000_000n;

/** The API's node as the state of a new node here (spec host-daemon §7.6). */
export function stateOfApiNode(node: Node): NodeState {
  if (isIP(node.ipAddress) === 0) throw invalid(`invalid ip \`${node.ipAddress}\``);
  if (isIP(node.ipGateway) === 0) throw invalid(`invalid gateway \`${node.ipGateway}\``);
  const state = nodeStateSchema.safeParse({
    id: node.nodeId,
    name: node.nodeName,
    dev_mode: false,
    ip: canonical(node.ipAddress),
    gateway: canonical(node.ipGateway),
    ...contentOfApiNode(node),
    expected_status: "Stopped",
    initialized: false,
    restarting: false,
  });
  if (state.success) return state.data;
  const [issue] = state.error.issues;
  throw invalid(`node_create received invalid node from API: ${issue?.path.join(".")}: ${issue?.message}`);
}

/** What an upgrade to the API's node exchanges. */
export function contentOfApiNode(node: Node): NodeContent {
  const { config } = node;
  if (config === undefined) throw invalid("Missing node config");
  const { image, vm } = config;
  if (image === undefined) throw invalid("Missing image");
  if (vm === undefined) throw invalid("Missing vm config");
  if (node.versionKey === undefined) throw invalid("Missing version_key");
  return {
    image_key: { protocol_key: node.versionKey.protocolKey, variant_key: node.versionKey.variantKey },
    protocol_id: node.protocolId,
    properties: propertiesOf(image.values),
    // The contract does not say which are passwords.
    secret_properties: null,
    firewall: firewallOf(config.firewall),
    display_name: node.displayName,
    org_id: node.orgId,
    org_name: node.orgName,
    protocol_name: node.protocolName,
    dns_name: node.dnsName,
    tags: node.tags?.tags.map(({ name }) => name) ?? [],
    vm_config: {
      vcpu_count: Number(vm.cpuCores),
      mem_size_mb: Number(vm.memoryBytes / mb),
      disk_size_gb: Number(vm.diskBytes / gb),
      ramdisks: vm.ramdisks.map((disk) => ({
        ram_disk_mount_point: disk.mount,
        ram_disk_size_mb: Number(disk.sizeBytes / mb),
      })),
    },
    image: {
      id: image.imageId || node.imageId,
      version: node.semanticVersion,
      config_id: node.configId,
      archive_id: image.archiveId,
      store_key: image.storeKey,
      uri: image.imageUri,
      min_babel_version: image.minBabelVersion,
      digest: "",
      rootfs: "",
      privileged: false,
    },
  };
}

/** A property goes by its group's key where it has one. */
export function propertiesOf(values: readonly PropertyValueConfig[]): Record<string, string> {
  return Object.fromEntries(values.map(({ key, keyGroup, value }) => [keyGroup ?? key, value]));
}

export function firewallOf(config: FirewallConfig | undefined): Firewall {
  if (config === undefined) return defaultFirewall;
  return {
    default_in: actionOf(config.defaultIn),
    default_out: actionOf(config.defaultOut),
    rules: config.rules.map((rule) => ({
      name: rule.key,
      action: actionOf(rule.action),
      direction: directionOf(rule.direction),
      protocol: protocolOf(rule.protocol),
      ips: rule.ips.map(({ ip }) => ip),
      ports: rule.ports.map(({ port }) => port),
    })),
  };
}

function actionOf(action: FirewallAction): Firewall["default_in"] {
  switch (action) {
    case FirewallAction.ALLOW:
      return "allow";
    case FirewallAction.DROP:
      return "deny";
    case FirewallAction.REJECT:
      return "reject";
    default:
      throw invalid("firewall action is unspecified");
  }
}

function directionOf(direction: FirewallDirection): "in" | "out" {
  switch (direction) {
    case FirewallDirection.INBOUND:
      return "in";
    case FirewallDirection.OUTBOUND:
      return "out";
    default:
      throw invalid("firewall direction is unspecified");
  }
}

function protocolOf(protocol: FirewallProtocol): "tcp" | "udp" | "both" | null {
  switch (protocol) {
    case FirewallProtocol.TCP:
      return "tcp";
    case FirewallProtocol.UDP:
      return "udp";
    case FirewallProtocol.BOTH:
      return "both";
    default:
      return null;
  }
}

function invalid(message: string): HostError {
  return new HostError("invalid", message);
}
