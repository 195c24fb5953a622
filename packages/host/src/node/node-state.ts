import { z } from "zod";

/**
 * `<node>/state.json` (spec host-daemon §1.8): what a node should be, and the journal of the operation that makes it so.
 * One file, so that every change of desire and every step of an operation is one atomic write.
 */
export const schemaVersion = 1;

/** `shared`: as much time as so many cores have, on any; `exclusive`: cores of its own; `numa-local`: these close to each other. */
export const cpuPolicySchema = z.enum(["shared", "exclusive", "numa-local"]);

const firewallAction = z.enum(["allow", "deny", "reject"]);

export const firewallSchema = z.object({
  default_in: firewallAction,
  default_out: firewallAction,
  rules: z.array(
    z.object({
      name: z.string(),
      action: firewallAction,
      direction: z.enum(["in", "out"]),
      protocol: z.enum(["tcp", "udp", "both"]).nullable().default(null),
      ips: z.array(z.string()).default([]),
      ports: z.array(z.number().int().min(0).max(65_535)).default([]),
    }),
  ),
});

export const vmConfigSchema = z.object({
  vcpu_count: z.number().int().min(0),
  /** MB = 1 000 000 bytes. */
  mem_size_mb: z.number().int().min(0),
  /** GB = 1 000 000 000 bytes. */
  disk_size_gb: z.number().int().min(0),
  ramdisks: z
    .array(z.object({ ram_disk_mount_point: z.string(), ram_disk_size_mb: z.number().int().min(0) }))
    .default([]),
});

const portNumber = z.number().int().min(1).max(65_535);

/** A port of the machine that leads to one of the node (DB-6.12). */
const portMappingSchema = z.object({ protocol: z.enum(["tcp", "udp"]), host_port: portNumber, node_port: portNumber });

/** `by_hand`: chosen by a person; otherwise they follow what the firewall lets in, where the host maps ports at all. */
export const portsSchema = z.object({ by_hand: z.boolean(), mappings: z.array(portMappingSchema) });

const imageSchema = z.object({
  id: z.string(),
  version: z.string(),
  config_id: z.string(),
  archive_id: z.string(),
  store_key: z.string(),
  uri: z.string(),
  min_babel_version: z.string(),
  /** What `uri` was resolved to; empty until the image was pulled. */
  digest: z.string().default(""),
  /** Name of the root file system made from it, in `<node>/roots`; empty until the image was pulled. */
  rootfs: z.string().default(""),
  /** It asked for a container that is root of the machine when it was pulled, and the host's configuration allowed it. */
  privileged: z.boolean().default(false),
});

const imageKeySchema = z.object({ protocol_key: z.string(), variant_key: z.string() });

/** Everything an upgrade replaces and a rollback restores. */
const replaceable = {
  image_key: imageKeySchema,
  protocol_id: z.string(),
  properties: z.record(z.string(), z.string()),
  /** Keys of those that are shown to nobody who does not ask; null: nobody has said which these are, so it is all of them. */
  secret_properties: z.array(z.string()).nullable().default(null),
  firewall: firewallSchema,
  display_name: z.string(),
  org_id: z.string(),
  org_name: z.string(),
  protocol_name: z.string(),
  dns_name: z.string(),
  tags: z.array(z.string()).default([]),
  vm_config: vmConfigSchema,
  image: imageSchema,
};

const nodeContentSchema = z.object(replaceable);

/** What `state_backup` keeps: the replaced content, the cores and whether the plugin's init had completed. */
const stateBackupSchema = z.object({ ...replaceable, assigned_cpus: z.array(z.number()), initialized: z.boolean() });

const upgradeSchema = z.object({
  /** Stopping for the switch → new version being brought up → (on failure) going back to the old one. */
  stage: z.enum(["prepare", "stop", "apply", "back_stop", "back_apply"]),
  target: nodeContentSchema,
  was_running: z.boolean(),
  /** mtime of `.protocol_data.lock` before the switch, epoch milliseconds; null = absent. */
  data_stamp: z.number().nullable(),
  /** Go through with it although image and settings are unchanged. */
  force: z.boolean(),
  /** Why the upgrade goes back; null while it goes back because a person asked for it. */
  need_rollback: z.string().nullable(),
  /** Before anything is stopped: run the new image's container and babel beside the node. */
  smoke_check: z.boolean().default(false),
  /** The new image passed its check. */
  checked: z.boolean().default(false),
  /**
   * A running node has still to show that it stays healthy in the new version, for so many milliseconds; `since`: when the version was
   * switched, epoch milliseconds.
   */
  watch: z
    .object({ ms: z.number().int().min(1), since: z.number() })
    .nullable()
    .default(null),
});

const operationSchema = z.object({
  id: z.string(),
  kind: z.enum(["create", "start", "stop", "restart", "update", "upgrade", "rollback", "delete", "recover", "move"]),
  /** Epoch milliseconds. */
  since: z.number(),
  /** Who asked for it: `last_command` then tells how it ended. */
  command: z.string().exactOptional(),
});

/** Why an operation failed; what of an error report is worth keeping. */
const failureSchema = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  retryAfterSeconds: z.number().exactOptional(),
});

const problemSchema = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().default(""),
  /** Epoch milliseconds. */
  since: z.number(),
  attempts: z.number().int(),
  /** Epoch milliseconds; null = none is made. */
  next_attempt: z.number().nullable(),
  /** What a node that recovery gave up on should be: `expected_status` is `Failed` between its attempts. */
  wanted: z.enum(["Running", "Stopped"]).exactOptional(),
});

export const nodeStateSchema = z.object({
  schema_version: z.literal(schemaVersion).default(schemaVersion),
  id: z.uuid(),
  name: z.string().min(1),
  dev_mode: z.boolean(),
  ip: z.string(),
  gateway: z.string(),
  /** Addresses beside `ip`, of either family; the gateway of the other family is the host's (DB-6.9). */
  extra_ips: z.array(z.string()).default([]),
  ports: portsSchema.default({ by_hand: false, mappings: [] }),
  ...replaceable,
  assigned_cpus: z.array(z.number().int()).default([]),
  /** How it gets processor time: the host's policy when the node was made (DB-5.8). */
  cpu_policy: cpuPolicySchema.default("exclusive"),
  /** `Deleted` is the tombstone: once written the node only ever gets smaller. */
  expected_status: z.enum(["Running", "Stopped", "Failed", "Deleted"]),
  /** Unix seconds. */
  started_at: z.number().nullable().default(null),
  /** The creation was completed (rootfs, firewall, plugin). */
  created: z.boolean().default(true),
  /** The plugin's `init` has completed for the current image and parameters. */
  initialized: z.boolean(),
  /** The node has to go down before it counts as `Running` again. */
  restarting: z.boolean(),
  /** Kept down while its data are copied for a clone; goes up again afterwards, also when the daemon was killed meanwhile. */
  paused: z.boolean().default(false),
  /** What babel was told about the node is not true any more; it is told again before anything else. */
  reconfigure: z.boolean().default(false),
  /** Parameters or the name changed since services were defined; everything else that `init` made is as it should be (spec DB-4.7, C17). */
  services_dirty: z.boolean().default(false),
  /** Scripts or the name may have changed since services were defined; the next way up evaluates the config and applies it (spec DB-4.7). */
  config_dirty: z.boolean().default(false),
  /** The plugin's `upload` has begun: unless it ends in order, services that it stopped have to be brought back (spec plugin-api §4.3). */
  uploading: z.boolean().default(false),
  /** How far the plugin's default init or upload, or a change of parameters, got that has begun and not ended; `next`: its next step, for people. */
  step_record: z
    .object({
      of: z.string(),
      done: z.number().int().min(0),
      total: z.number().int().min(0),
      created: z.boolean(),
      source: z.enum(["none", "multi_client", "archive", "alternative_download", "cold_init"]).nullable(),
      services: z.array(z.string()).nullable().default(null),
      next: z.string(),
    })
    .nullable()
    .default(null),
  /** Created to run: removed again when it cannot be brought up for a reason that stays. Cleared by its first start. */
  provisional: z.boolean().default(false),
  /** A clone that has no data yet: the node to copy them from, and whether that one is stopped for it. */
  clone_of: z.object({ node: z.string(), stop: z.boolean() }).nullable().default(null),
  /** What keeps the node to its disk size, and the size that is in force, in GB; 0 = none yet. Chosen when the node is created, for good. */
  space: z
    .object({ kind: z.enum(["shared", "subvolume", "image"]), gb: z.number().int().min(0) })
    .default({ kind: "shared", gb: 0 }),
  /** Where `data` points to; null = the data lie in the node's own directory. */
  data_directory: z.string().nullable().default(null),
  /** The data are on their way to that directory (null = the node's own). */
  move: z
    .object({ data_directory: z.string().nullable(), given_up: z.boolean().default(false) })
    .nullable()
    .default(null),
  /** The current stop may kill instead of wait. */
  force: z.boolean().default(false),
  upgrade: upgradeSchema.nullable().default(null),
  /** What the last upgrade replaced; kept for `rollback`. */
  state_backup: stateBackupSchema.nullable().default(null),
  /** Runtime settings of this node alone, same shape as the host's. */
  apptainer_config: z.looseObject({ host_network: z.boolean().optional() }).nullable().default(null),
  /**
   * The command that last changed what the node should be, by id: an API command, or the `idempotency-key` of a local request. The same
   * one again changes nothing, and is answered as it ended.
   */
  last_command: z.string().nullable().default(null),
  /** Why `last_command` failed, written together with what its failure made of the node (spec DB-4.1, C22). */
  last_failure: failureSchema.nullable().default(null),
  /** The journal: begun, not yet ended. */
  operation: operationSchema.nullable().default(null),
  problem: problemSchema.nullable().default(null),
});

export type CpuPolicy = z.infer<typeof cpuPolicySchema>;
export type NodeState = z.infer<typeof nodeStateSchema>;
export type NodeContent = z.infer<typeof nodeContentSchema>;
export type StateBackup = z.infer<typeof stateBackupSchema>;
export type Firewall = z.infer<typeof firewallSchema>;
export type PortMapping = z.infer<typeof portMappingSchema>;
export type VmConfig = z.infer<typeof vmConfigSchema>;
export type NodeImage = z.infer<typeof imageSchema>;
export type OperationKind = z.infer<typeof operationSchema>["kind"];
export type NodeOperation = z.infer<typeof operationSchema>;

/** All addresses of a node, the one it is known by first. */
export function addressesOf({ ip, extra_ips: more }: Pick<NodeState, "ip" | "extra_ips">): readonly string[] {
  return [ip, ...more];
}

/** The part of a state that an upgrade exchanges. */
export function contentOf(state: NodeState): NodeContent {
  return nodeContentSchema.parse(state);
}

/** Firewall of an image that declares none (spec §6.4). */
export const defaultFirewall: Firewall = { default_in: "reject", default_out: "allow", rules: [] };
