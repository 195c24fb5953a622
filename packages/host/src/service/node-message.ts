import {
  type FirewallSchema,
  type ImageSchema,
  type NodeSchema,
  NodeStatus,
  type PortMappingSchema,
} from "@blockvisor/wire/blockvisor/host/v1/host";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { NodeSnapshot } from "../node/node-actor.ts";
import type { Firewall, NodeImage, NodeState } from "../node/node-state.ts";
import type { BrokenNode } from "../node/node-store.ts";
import { type HostPaths, nodePaths } from "../place/paths.ts";

const statuses = {
  Running: NodeStatus.RUNNING,
  Stopped: NodeStatus.STOPPED,
  Busy: NodeStatus.BUSY,
  Failed: NodeStatus.FAILED,
  Deleted: NodeStatus.UNSPECIFIED,
} as const;

/** A node as `bv` and `nib` see it; values of properties that are secret, or may be, only with `showValues` (spec host-daemon S14). */
export function nodeMessage(
  { state, seen, status, operation }: NodeSnapshot,
  paths: HostPaths,
  pid: number | undefined,
  pluginProblem: MessageInitShape<typeof NodeSchema>["problem"],
  showValues = false,
): MessageInitShape<typeof NodeSchema> {
  const { image, vm_config: vm, step_record: steps } = state;
  const problem = state.problem
    ? {
        code: state.problem.code,
        message: state.problem.message,
        since: timestampFromMs(state.problem.since),
        attempts: state.problem.attempts,
        ...(state.problem.next_attempt === null ? {} : { nextAttempt: timestampFromMs(state.problem.next_attempt) }),
      }
    : pluginProblem;
  return {
    id: state.id,
    name: state.name,
    status: statuses[status],
    expectedStatus: statuses[state.expected_status],
    devMode: state.dev_mode,
    imageKey: { protocolKey: state.image_key.protocol_key, variantKey: state.image_key.variant_key },
    image: imageMessage(image),
    ...(state.state_backup === null ? {} : { previousImage: imageMessage(state.state_backup.image) }),
    ip: state.ip,
    extraIps: state.extra_ips,
    ports: portMessages(state),
    gateway: state.gateway,
    vm: {
      cpuCores: vm.vcpu_count,
      memoryMb: BigInt(vm.mem_size_mb),
      diskGb: BigInt(vm.disk_size_gb),
      ramdisks: vm.ramdisks.map((disk) => ({
        mount: disk.ram_disk_mount_point,
        sizeMb: BigInt(disk.ram_disk_size_mb),
      })),
    },
    assignedCpus: state.assigned_cpus,
    cpuPolicy: state.cpu_policy,
    properties: showValues ? state.properties : masked(state),
    firewall: firewallMessage(state.firewall),
    tags: state.tags,
    displayName: state.display_name,
    protocolId: state.protocol_id,
    protocolName: state.protocol_name,
    orgId: state.org_id,
    orgName: state.org_name,
    dnsName: state.dns_name,
    initialized: state.initialized,
    directory: nodePaths(paths, state.id).directory,
    ...(state.started_at !== null && seen.container === "running"
      ? { startedAt: timestampFromMs(state.started_at * 1000) }
      : {}),
    ...(operation
      ? {
          operation: {
            id: operation.id,
            kind: operation.kind,
            step: operation.step ?? "",
            since: timestampFromMs(operation.since),
          },
        }
      : {}),
    ...(problem ? { problem } : {}),
    ...(steps === null || (state.initialized && !state.uploading)
      ? {}
      : { steps: { done: steps.done, total: steps.total, next: steps.next } }),
    ...(pid === undefined ? {} : { pid }),
  };
}

export function portMessages({ ports }: NodeState): MessageInitShape<typeof PortMappingSchema>[] {
  return ports.mappings.map(({ protocol, host_port, node_port }) => ({
    protocol,
    hostPort: host_port,
    nodePort: node_port,
  }));
}

/** A node whose state cannot be read: little is known, but it must be seen (spec host-daemon DB-1.5). */
export function brokenMessage(
  { id, name, devMode = false, reason }: BrokenNode,
  paths: HostPaths,
): MessageInitShape<typeof NodeSchema> {
  return {
    id,
    name,
    devMode,
    status: NodeStatus.FAILED,
    expectedStatus: NodeStatus.FAILED,
    directory: nodePaths(paths, id).directory,
    problem: { code: "broken_node", message: reason, attempts: 0 },
  };
}

function imageMessage(image: NodeImage): MessageInitShape<typeof ImageSchema> {
  return {
    id: image.id,
    version: image.version,
    configId: image.config_id,
    archiveId: image.archive_id,
    storeKey: image.store_key,
    uri: image.uri,
    minBabelVersion: image.min_babel_version,
    digest: image.digest,
    privileged: image.privileged,
  };
}

function firewallMessage(firewall: Firewall): MessageInitShape<typeof FirewallSchema> {
  return {
    defaultIn: firewall.default_in,
    defaultOut: firewall.default_out,
    rules: firewall.rules.map(({ name, action, direction, protocol, ips, ports }) => ({
      name,
      action,
      direction,
      protocol: protocol ?? "both",
      ips,
      ports,
    })),
  };
}

function masked({ properties, secret_properties: secrets }: NodeState): Readonly<Record<string, string>> {
  const isSecret = (key: string): boolean => secrets?.includes(key) ?? true;
  return Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, isSecret(key) ? "***" : value]));
}
