import type { FirewallJson, NodeJson } from "@blockvisor/wire/blockvisor/host/v1/host";
import { type IsolationView, isolationView } from "./isolation-view.ts";
import { type PortView, portView } from "./port-mapping.ts";

export type NodeStatusWord = "Running" | "Stopped" | "Busy" | "Failed";

/** A node as `--format json` shows it; field names are those of the host's state file (host-daemon §1.8). */
export interface NodeView {
  readonly id: string;
  readonly name: string;
  readonly status: NodeStatusWord;
  readonly expected_status: NodeStatusWord;
  readonly dev_mode: boolean;
  /** True when only the control plane knows it. */
  readonly remote: boolean;
  readonly image: {
    readonly protocol_key: string;
    readonly variant_key: string;
    readonly version: string;
    readonly uri: string;
    readonly digest: string;
    /** Its container is root of the machine. */
    readonly privileged: boolean;
    readonly id: string;
    readonly config_id: string;
    readonly archive_id: string;
    readonly store_key: string;
    readonly min_babel_version: string;
  };
  readonly ip: string;
  /** Addresses beside `ip`. */
  readonly extra_ips: readonly string[];
  readonly gateway: string;
  /** Ports of the machine that lead to the node while it runs. */
  readonly ports: readonly PortView[];
  /** RFC 3339, null when it is not running. */
  readonly started_at: string | null;
  readonly uptime_secs: number | null;
  readonly initialized: boolean;
  readonly properties: Readonly<Record<string, string>>;
  readonly firewall: ReturnType<typeof firewallView>;
  readonly tags: readonly string[];
  readonly vm_config: {
    readonly vcpu_count: number;
    readonly mem_size_mb: number;
    readonly disk_size_gb: number;
    readonly ramdisks: readonly { readonly ram_disk_mount_point: string; readonly ram_disk_size_mb: number }[];
  };
  readonly assigned_cpus: readonly number[];
  /** shared | exclusive | numa-local */
  readonly cpu_policy: string;
  readonly display_name: string;
  readonly org_id: string;
  readonly org_name: string;
  readonly protocol_name: string;
  readonly dns_name: string;
  readonly operation: { readonly kind: string; readonly step: string; readonly since: string } | null;
  readonly problem: {
    readonly code: string;
    readonly message: string;
    readonly since: string;
    /** Failed attempts in a row; RFC 3339 of the next one, null when there will be none. */
    readonly attempts: number;
    readonly next_attempt: string | null;
  } | null;
  /** How far the plugin's default init (of a node that is not initialized) or upload got; null when none is under way. */
  readonly steps: { readonly done: number; readonly total: number; readonly next: string } | null;
  readonly directory: string;
  readonly pid: number | null;
  /** How it is held apart from the machine; null when it does not run, and in lists. */
  readonly isolation: IsolationView | null;
}

const statusWords: Readonly<Record<string, NodeStatusWord>> = {
  NODE_STATUS_RUNNING: "Running",
  NODE_STATUS_STOPPED: "Stopped",
  NODE_STATUS_BUSY: "Busy",
  NODE_STATUS_FAILED: "Failed",
};

export function nodeView(node: NodeJson, now = Date.now()): NodeView {
  const { image, imageKey, vm, operation, problem } = node;
  const startedAt = node.startedAt ?? null;
  return {
    id: node.id ?? "",
    name: node.name ?? "",
    status: statusWords[node.status ?? ""] ?? "Busy",
    expected_status: statusWords[node.expectedStatus ?? ""] ?? "Stopped",
    dev_mode: node.devMode ?? false,
    remote: node.remote ?? false,
    image: {
      protocol_key: imageKey?.protocolKey ?? "",
      variant_key: imageKey?.variantKey ?? "",
      version: image?.version ?? "",
      uri: image?.uri ?? "",
      digest: image?.digest ?? "",
      privileged: image?.privileged ?? false,
      id: image?.id ?? "",
      config_id: image?.configId ?? "",
      archive_id: image?.archiveId ?? "",
      store_key: image?.storeKey ?? "",
      min_babel_version: image?.minBabelVersion ?? "",
    },
    ip: node.ip ?? "",
    extra_ips: node.extraIps ?? [],
    gateway: node.gateway ?? "",
    ports: (node.ports ?? []).map(portView),
    started_at: startedAt,
    uptime_secs: startedAt ? Math.max(0, Math.floor((now - Date.parse(startedAt)) / 1000)) : null,
    initialized: node.initialized ?? false,
    properties: node.properties ?? {},
    firewall: firewallView(node.firewall ?? {}),
    tags: node.tags ?? [],
    vm_config: {
      vcpu_count: vm?.cpuCores ?? 0,
      mem_size_mb: Number(vm?.memoryMb ?? 0),
      disk_size_gb: Number(vm?.diskGb ?? 0),
      ramdisks: (vm?.ramdisks ?? []).map(({ mount = "", sizeMb = "0" }) => ({
        ram_disk_mount_point: mount,
        ram_disk_size_mb: Number(sizeMb),
      })),
    },
    assigned_cpus: node.assignedCpus ?? [],
    cpu_policy: node.cpuPolicy ?? "",
    display_name: node.displayName ?? "",
    org_id: node.orgId ?? "",
    org_name: node.orgName ?? "",
    protocol_name: node.protocolName ?? "",
    dns_name: node.dnsName ?? "",
    operation: operation
      ? { kind: operation.kind ?? "", step: operation.step ?? "", since: operation.since ?? "" }
      : null,
    problem: problem
      ? {
          code: problem.code ?? "",
          message: problem.message ?? "",
          since: problem.since ?? "",
          attempts: problem.attempts ?? 0,
          next_attempt: problem.nextAttempt ?? null,
        }
      : null,
    steps: node.steps
      ? { done: node.steps.done ?? 0, total: node.steps.total ?? 0, next: node.steps.next ?? "" }
      : null,
    directory: node.directory ?? "",
    pid: node.pid ?? null,
    isolation: node.isolation ? isolationView(node.isolation) : null,
  };
}

function firewallView(firewall: FirewallJson) {
  return {
    default_in: firewall.defaultIn ?? "",
    default_out: firewall.defaultOut ?? "",
    rules: (firewall.rules ?? []).map((rule) => ({
      name: rule.name ?? "",
      action: rule.action ?? "",
      direction: rule.direction ?? "",
      protocol: rule.protocol ?? "",
      ips: rule.ips ?? [],
      ports: rule.ports ?? [],
    })),
  };
}
