import { isIPv4 } from "node:net";
import { hostname } from "node:os";
import { isOperationError, parseContainerUri } from "@blockvisor/image/container";
import { isTimeZone } from "@blockvisor/plugin";
import { z } from "zod";
import { HostError } from "../errors/host-error.ts";
import type { SourcePolicy } from "../images/index.ts";
import { isHidden } from "../network/index.ts";
import { cpuPolicySchema } from "../node/node-state.ts";
import { unsafeArguments } from "../runtime/apptainer-arguments.ts";
import { type TimeLimits, timeLimitsOf, timeLimitsSchema } from "./time-limits.ts";

const ip = z.string().min(1);

/** As in an image's name: no scheme, no tag, no digest. */
const registryPath = /^[A-Za-z0-9.-]+(:\d{1,5})?(\/[a-z0-9._-]+)*$/;

const subnet = z.looseObject({
  gateway_ip: ip,
  host_ip: ip,
  prefix: z.number().int().min(0).max(128),
  /** Addresses, `a-b` ranges or CIDRs. */
  available_ips: z.array(ip).default([]),
});

/** How nodes' containers are run, by whatever runs them. */
const containers = z.looseObject({
  /** More options for Apptainer; the oci runtime takes none. Those that may switch isolation off are refused… */
  extra_args: z.array(z.string()).nullish(),
  /** …unless the operator insists. */
  allow_unsafe_extra_args: z.boolean().default(false),
  host_network: z.boolean().default(false),
  cpu_limit: z.boolean().default(true),
  memory_limit: z.boolean().default(true),
  /** Million bytes a second that each node may read from, and write to, the disk that nodes lie on; absent: as many as it can. */
  disk_read_mbps: z.number().positive().optional(),
  disk_write_mbps: z.number().positive().optional(),
  /** Of nodes that are made from now on. */
  cpu_policy: cpuPolicySchema.default("exclusive"),
  /** With `shared`: so many cores are promised for each that there is. */
  cpu_overcommit: z.number().min(1).max(100).default(4),
  /** `auto`: nodes have user ids of their own where the machine can do that. */
  user_namespaces: z.enum(["auto", "off"]).default("auto"),
});

/** `etc/blockvisor.json`, spec host-daemon §1.6. Old and new key names are read; unknown keys are kept. */
const schema = z.looseObject({
  schema_version: z.number().int().max(1).optional(),
  /** `dev`: no control plane, every node is a dev node. */
  mode: z.enum(["dev", "cloud"]).optional(),
  id: z.string().default(""),
  org_id: z.string().nullish(),
  private_org_id: z.string().nullish(),
  name: z.string().optional(),
  token: z.string().optional(),
  refresh_token: z.string().optional(),
  nodexeus_api_url: z.string().nullish(),
  blockjoy_api_url: z.string().nullish(),
  nodexeus_mqtt_url: z.string().nullish(),
  blockjoy_mqtt_url: z.string().nullish(),
  iface: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,15}$/)
    .default("br0"),
  net_conf: subnet
    .extend({
      /** Beside the above, which is then IPv4: nodes have an address of each family (DB-6.9). */
      ipv6: subnet.extend({ gateway_ip: z.ipv6(), host_ip: z.ipv6() }).optional(),
      /**
       * The machine has one public address: nodes are on a private subnet behind it, and what their rules let in is reached by ports of the
       * machine (DB-6.12). Its gateway is the machine, so `gateway_ip` = `host_ip`.
       */
      nat: z
        .looseObject({
          /** Ports of the machine for nodes whose own port is taken, `FIRST-LAST`. */
          ports: z
            .string()
            .regex(/^\d{1,5}-\d{1,5}$/)
            .default("20000-29999"),
        })
        .optional(),
    })
    .optional(),
  /** `auto`: Apptainer where it is installed and works, else OCI. */
  runtime: z.enum(["auto", "oci", "apptainer"]).default("auto"),
  /** What single nodes are run with instead, by id or name; from their next start. */
  node_runtimes: z.record(z.string(), z.enum(["oci", "apptainer"])).default({}),
  containers: z.looseObject({}).nullish(),
  /** The older name of `containers`, which wins. */
  apptainer: z.looseObject({}).nullish(),
  /** Images whose containers may be root of the machine when they ask for it; without tag and digest: every version of one. */
  privileged_images: z.array(z.string().superRefine(checkContainerUri)).default([]),
  maintenance_mode: z.boolean().default(false),
  recovery: z
    .looseObject({
      /** Off: what is not as it should be is only told, until a person acts or the daemon starts anew (DB-4.15). */
      enabled: z.boolean().default(true),
      /** How often a node is looked at as a whole, with babel, network and mounts; that a process ends is told by the kernel. */
      check_secs: z.number().min(1).default(30),
      /** A babel that does not answer for so long is replaced. */
      agent_timeout_secs: z.number().min(1).default(15),
    })
    .prefault({}),
  limits: timeLimitsSchema.prefault({}),
  /**
   * What keeps new nodes to their disk size: `auto`, a btrfs quota where the nodes' file system has quotas switched on, and else only the
   * daemon, where the disk runs full; `image`, else a file with a file system in it for each node; `off`, only the daemon.
   */
  disk_limit: z.enum(["auto", "image", "off"]).default("auto"),
  /** Images that no node stands on go after a week, and sooner, the least recently used first, when all take more than `max_gb` of the disk. */
  images: z
    .looseObject({
      max_gb: z.number().positive().optional(),
      /** Images come from these registries only, `ghcr.io` or `ghcr.io/acme`, or lie on the machine. Absent: from any. */
      registries: z.array(z.string().regex(registryPath, "is no registry like ghcr.io or ghcr.io/acme")).optional(),
      /** Only images that are named with their digest are fetched. */
      pinned: z.boolean().default(false),
      /** Whose signatures images need: a containers-policy.json(5). Absent: /etc/containers/policy.json, if it is there. */
      signature_policy: z.string().regex(/^\//, "is no absolute path").optional(),
    })
    .prefault({}),
  /** Of nodes that start from now on; absent: as their images say. (spec babel-agent D3-03) */
  job_logs: z
    .looseObject({
      /** What the logs of all jobs of one node may take together; absent: 2 GB. */
      max_mb: z.number().int().min(1).max(1_000_000).optional(),
      /** Files that the log of a job is cut into, of which the oldest goes when a new one begins; absent: 8. */
      segments: z.number().int().min(2).max(256).optional(),
    })
    .prefault({}),
  /** What archive transfers of all nodes may take together, megabits (10^6) per second; absent: what they can. (spec babel-agent §9.5) */
  archive_max_mbps: z.number().positive().max(1_000_000).optional(),
  /** Of schedules that plugins give their tasks, e.g. `UTC` or `Europe/Oslo`; absent: the machine's. */
  timezone: z.string().refine(isTimeZone, "is no time zone").optional(),
  /** Upgrades that the API asks for run the new image beside the node before anything is stopped. */
  upgrade_smoke_check: z.boolean().default(false),
  /** …and have to stay healthy for so long before they are done; else the node goes back to what it was. 0: whatever comes up is good. */
  upgrade_watch_secs: z.number().min(0).max(3_600).default(3),
  /** PEM file of certificate authorities that nodes' babel trusts besides the usual ones; absent: those of NODE_EXTRA_CA_CERTS, if there are any. */
  ca_file: z.string().regex(/^\//, "is no absolute path").optional(),
  /** Where programs of this machine read metrics, `http://127.0.0.1:PORT/metrics`; absent: nowhere. 0: any free port, see `bv status`. */
  metrics_port: z.number().int().min(0).max(65_535).optional(),
});

type HostConfigFile = z.infer<typeof schema>;

/** All keys that mean something, sorted; tokens, which move out of the file when they are read, are not among them. */
export const configKeys: readonly string[] = Object.keys(schema.shape)
  .filter((key) => key !== "token" && key !== "refresh_token")
  .toSorted();

/** The subnet of nodes in one family. */
interface SubnetConfig {
  readonly gatewayIp: string;
  readonly hostIp: string;
  readonly prefix: number;
  readonly availableIps: readonly string[];
}

interface NetworkConfig extends SubnetConfig {
  /** A second family beside the first, which is IPv4 then. */
  readonly ipv6: SubnetConfig | undefined;
  /** Ports of the machine that are mapped to ports of nodes, first and last; undefined: none are by themselves. */
  readonly nat: { readonly first: number; readonly last: number } | undefined;
}

/** What the daemon works with: the file with its aliases resolved. */
export interface HostConfig {
  readonly file: HostConfigFile;
  readonly devMode: boolean;
  readonly hostId: string;
  readonly hostName: string;
  readonly orgId: string | undefined;
  readonly privateOrgId: string | undefined;
  readonly apiUrl: string | undefined;
  readonly mqttUrl: string | undefined;
  readonly interface: string;
  readonly network: NetworkConfig;
  readonly runtime: z.infer<typeof containers>;
  /** By id or name of a node. */
  readonly nodeRuntimes: ReadonlyMap<string, "oci" | "apptainer">;
  /** So many cores are promised to nodes for each that there is. */
  readonly cpuOvercommit: number;
  readonly privilegedImages: readonly string[];
  readonly maintenanceMode: boolean;
  readonly diskLimit: "auto" | "image" | "off";
  readonly imagesMaxBytes: number | undefined;
  readonly imageSources: SourcePolicy;
  /** Undefined: as a node's image says. */
  readonly jobLogs: { readonly maxMb: number | undefined; readonly segments: number | undefined };
  /** Of archive transfers of all nodes together; undefined: no cap. */
  readonly archiveMaxBytesPerSecond: number | undefined;
  readonly upgradeSmokeCheck: boolean;
  readonly upgradeWatchMs: number;
  readonly recovery: { readonly enabled: boolean; readonly checkMs: number; readonly agentTimeoutMs: number };
  readonly limits: TimeLimits;
  readonly metricsPort: number | undefined;
  readonly caFile: string | undefined;
  /** Of schedules; undefined: the machine's. */
  readonly timeZone: string | undefined;
}

/** The network a dev machine gets when nothing is configured: private, NATed, one /24. */
const devNetwork: NetworkConfig = {
  gatewayIp: "10.77.0.1",
  hostIp: "10.77.0.1",
  prefix: 24,
  availableIps: ["10.77.0.2-10.77.0.254"],
  ipv6: undefined,
  nat: undefined,
};

/** Parses the text of `blockvisor.json`; `path` is only for messages. */
export function parseHostConfig(text: string, path: string): HostConfig {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new HostError("config_error", `failed to parse host config: ${path}: ${(error as Error).message}`, {
      hint: "correct the file, or register the host again with `bvup`",
    });
  }
  return resolve(parsed(schema, json, path), path);
}

function parsed<T>(type: z.ZodType<T>, json: unknown, path: string, prefix = ""): T {
  const { success, data, error } = type.safeParse(json);
  if (success) return data;
  const problems = error.issues.map((issue) => `${prefix}${issue.path.join(".") || "(top level)"}: ${issue.message}`);
  throw invalid(path, problems.join("; "));
}

function invalid(path: string, problem: string): HostError {
  return new HostError("config_error", `failed to parse host config: ${path}: ${problem}`, {
    hint: "correct the named keys; then `bv host reload`, or start the daemon if it is down",
  });
}

/** Error `config_error`. */
function containersOf(file: HostConfigFile, path: string): z.infer<typeof containers> {
  const settings = parsed(containers, { ...file.apptainer, ...file.containers }, path, "containers.");
  const unsafe = unsafeArguments(settings.extra_args ?? []);
  if (unsafe.length === 0 || settings.allow_unsafe_extra_args) return settings;
  throw invalid(
    path,
    `containers.extra_args: what these do to the isolation of nodes is not known: ${unsafe.join(" ")}; "allow_unsafe_extra_args": true takes them all the same`,
  );
}

/** The configuration of a dev machine without a file. */
export function defaultDevConfig(): HostConfig {
  return resolve(schema.parse({ mode: "dev" }), "blockvisor.json");
}

function resolve(file: HostConfigFile, path: string): HostConfig {
  const runtime = containersOf(file, path);
  const apiUrl = file.nodexeus_api_url ?? file.blockjoy_api_url ?? undefined;
  return {
    file,
    devMode: file.mode === "dev" || apiUrl === undefined,
    hostId: file.id,
    hostName: file.name ?? hostname(),
    orgId: file.org_id ?? undefined,
    privateOrgId: file.private_org_id ?? undefined,
    apiUrl,
    mqttUrl: file.nodexeus_mqtt_url ?? file.blockjoy_mqtt_url ?? undefined,
    interface: file.iface,
    network: file.net_conf ? networkOf(file.net_conf) : devNetwork,
    runtime,
    nodeRuntimes: new Map(Object.entries(file.node_runtimes)),
    cpuOvercommit: runtime.cpu_policy === "shared" ? runtime.cpu_overcommit : 1,
    privilegedImages: file.privileged_images,
    maintenanceMode: file.maintenance_mode,
    diskLimit: file.disk_limit,
    imagesMaxBytes: file.images.max_gb === undefined ? undefined : file.images.max_gb * 1_000_000_000,
    jobLogs: { maxMb: file.job_logs.max_mb, segments: file.job_logs.segments },
    archiveMaxBytesPerSecond: file.archive_max_mbps === undefined ? undefined : (file.archive_max_mbps * 1_000_000) / 8,
    imageSources: {
      registries: file.images.registries,
      pinned: file.images.pinned,
      signaturePolicy: file.images.signature_policy,
    },
    upgradeSmokeCheck: file.upgrade_smoke_check,
    upgradeWatchMs: Math.round(file.upgrade_watch_secs * 1000),
    recovery: {
      enabled: file.recovery.enabled,
      checkMs: file.recovery.check_secs * 1000,
      agentTimeoutMs: file.recovery.agent_timeout_secs * 1000,
    },
    limits: timeLimitsOf(file.limits),
    metricsPort: file.metrics_port,
    caFile: file.ca_file,
    timeZone: file.timezone,
  };
}

function checkContainerUri(text: string, context: z.RefinementCtx): void {
  try {
    parseContainerUri(text);
  } catch (error) {
    if (!isOperationError(error)) throw error;
    context.addIssue({ code: "custom", message: error.message });
  }
}

function networkOf({ ipv6, nat, ...first }: NonNullable<HostConfigFile["net_conf"]>): NetworkConfig {
  const network = { ...subnetOf(first), ipv6: ipv6 && subnetOf(ipv6), nat: nat && portsOf(nat.ports) };
  if (network.ipv6 && !isIPv4(network.hostIp)) {
    throw new HostError(
      "config_error",
      "net_conf.ipv6 is beside addresses of version 4, and net_conf.host_ip is none",
      {
        hint: "give net_conf the addresses of version 4, or only those of version 6 and no net_conf.ipv6",
      },
    );
  }
  if (network.nat && !isHidden(network)) {
    throw new HostError("config_error", "with net_conf.nat the machine is the gateway of its nodes", {
      hint: "set net_conf.gateway_ip to net_conf.host_ip, an address of a private subnet",
    });
  }
  return network;
}

function subnetOf(file: z.infer<typeof subnet>): SubnetConfig {
  return {
    gatewayIp: file.gateway_ip,
    hostIp: file.host_ip,
    prefix: file.prefix,
    availableIps: file.available_ips,
  };
}

function portsOf(range: string): NonNullable<NetworkConfig["nat"]> {
  const [first = 0, last = 0] = range.split("-").map(Number);
  if (first >= 1 && first <= last && last <= 65_535) return { first, last };
  throw new HostError("config_error", `net_conf.nat.ports: '${range}' is no range of ports`, {
    hint: "write it like 20000-29999",
  });
}

/** The file with everything secret replaced, for `bv status` and logs. */
export function redactedConfig(config: HostConfig): string {
  const { token, refresh_token, ...rest } = config.file;
  const hidden = {
    ...(token === undefined ? {} : { token: "***" }),
    ...(refresh_token === undefined ? {} : { refresh_token: "***" }),
  };
  return JSON.stringify({ ...rest, ...hidden }, undefined, 2);
}
