import type { ColumnType, Generated } from "kysely";
import type { ManifestSummary as StoredManifestSummary } from "../archives/manifest/manifest.ts";

/** JSON columns are written as text and read parsed, in both stores. */
type Json<T> = ColumnType<T, string, string>;
type JsonOr<T> = ColumnType<T, string | undefined, string>;
type JsonOrNull<T> = ColumnType<T | null, string | null | undefined, string | null>;
type CreatedAt = ColumnType<Date, never, never>;
type Defaulted<T> = ColumnType<T, T | undefined, T>;
/** 64-bit columns are read as bigint. */
type Int8 = ColumnType<bigint, bigint | number, bigint | number>;
type Int8OrZero = ColumnType<bigint, bigint | number | undefined, bigint | number>;
type Int8OrNull = ColumnType<bigint | null, bigint | number | null | undefined, bigint | number | null>;

export type ResourceKind = "user" | "org" | "host" | "node";
export type Visibility = "public" | "private" | "development";
export type NodeStateName = "starting" | "running" | "stopped" | "failed" | "upgrading" | "deleting" | "deleted";
export type NextStateName = "stopping" | "deleting" | "upgrading";
export type NodeHealthName = "healthy" | "neutral" | "unhealthy";
export type CommandType =
  | "host_start"
  | "host_stop"
  | "host_restart"
  | "node_create"
  | "node_start"
  | "node_stop"
  | "node_restart"
  | "node_update"
  | "node_upgrade"
  | "node_delete";
export type ExitCodeName =
  | "ok"
  | "internal_error"
  | "node_not_found"
  | "blocking_job_running"
  | "service_not_ready"
  | "service_broken"
  | "not_supported"
  | "node_upgrade_rollback"
  | "node_upgrade_failure";

interface CreatedBy {
  created_by_type: ResourceKind;
  created_by_id: string;
}

export interface StoredCost {
  readonly currency: number;
  readonly minorUnits: string;
  readonly period: number;
}

export interface StoredJob {
  readonly name: string;
  readonly status: number;
  readonly exitCode?: number;
  readonly message?: string;
  readonly logs: readonly string[];
  readonly restarts: string;
  readonly progress?: { readonly total?: number; readonly current?: number; readonly message?: string };
}

/** How a node was placed, so that a failed creation can be repeated elsewhere under the same wishes (CA-4.14). */
export type StoredScheduler =
  | { readonly kind: "host" }
  | { readonly kind: "region"; readonly regionId: string; readonly resource: number; readonly similarity: number };

/** What a node was before an upgrade or update, to go back to when the host could not make it (CA-3.7). */
export interface UpgradeUndo {
  readonly imageId: string;
  readonly configId: string;
  readonly protocolVersionId: string;
  readonly semanticVersion: string;
  readonly cpuCores: string;
  readonly memoryBytes: string;
  readonly diskBytes: string;
  /** what it was changed to; when the node has yet another configuration by now, nothing is undone */
  readonly toConfigId: string;
  /** before an upgrade */
  readonly nodeState?: NodeStateName;
}

export type ArchiveVersionState = "uploading" | "released" | "ready" | "deprecated" | "deleting";

export interface Schema {
  installation: { name: string; value: string };
  users: {
    id: Generated<string>;
    email: string;
    first_name: string;
    last_name: string;
    password_hash: string;
    confirmed_at: Date | null;
    deleted_at: Defaulted<Date | null>;
    created_at: CreatedAt;
  };
  user_settings: { user_id: string; key: string; value: Uint8Array };
  orgs: {
    id: Generated<string>;
    name: string;
    is_personal: Defaulted<boolean>;
    created_at: CreatedAt;
    updated_at: Defaulted<Date>;
    deleted_at: Defaulted<Date | null>;
  };
  user_roles: { user_id: string; org_id: string; role: string; created_at: CreatedAt };
  provision_tokens: {
    id: Generated<string>;
    user_id: string;
    org_id: string;
    token_hash: Uint8Array;
    token_sealed: Uint8Array;
    expires_at: Date;
    created_at: CreatedAt;
  };
  sessions: {
    id: Generated<string>;
    resource_type: ResourceKind;
    resource_id: string;
    generation: Defaulted<number>;
    used_at: Defaulted<Date | null>;
    revoked_at: Defaulted<Date | null>;
    expires_at: Date;
    absolute_expires_at: Date | null;
    created_at: CreatedAt;
  };
  api_keys: {
    id: Generated<string>;
    user_id: string;
    label: string;
    secret_hash: Uint8Array;
    salt: Uint8Array;
    resource_type: ResourceKind;
    resource_id: string;
    permissions: Json<readonly string[]>;
    last_used_at: Defaulted<Date | null>;
    created_at: CreatedAt;
  };
  invitations: {
    id: Generated<string>;
    org_id: string;
    invitee_email: string;
    invited_by_type: ResourceKind;
    invited_by_id: string;
    accepted_at: Defaulted<Date | null>;
    declined_at: Defaulted<Date | null>;
    created_at: CreatedAt;
  };
  regions: { id: Generated<string>; key: string; display_name: string; sku_code: string | null };
  hosts: CreatedBy & {
    id: Generated<string>;
    org_id: string | null;
    provision_org_id: string;
    region_id: string;
    network_name: string;
    display_name: string | null;
    schedule_type: "automatic" | "manual";
    connection_status: Defaulted<"online" | "offline">;
    cpu_cores: Int8;
    memory_bytes: Int8;
    disk_bytes: Int8;
    os: string;
    os_version: string;
    bv_version: string;
    ip_address: string;
    ip_gateway: string;
    tags: JsonOr<readonly string[]>;
    cost: JsonOrNull<StoredCost>;
    metrics: JsonOrNull<Readonly<Record<string, string | number>>>;
    metrics_at: Defaulted<Date | null>;
    created_at: CreatedAt;
    updated_at: Defaulted<Date>;
  };
  /** What the host told of its machine last. */
  host_facts: {
    host_id: string;
    kernel: string;
    runtimes: Json<readonly { readonly program: string; readonly version: string }[]>;
    gpus: Json<readonly { readonly address: string; readonly name: string }[]>;
    reported_at: Date;
  };
  ip_addresses: { id: Generated<string>; ip: string; host_id: string; released_at: Defaulted<Date | null> };
  protocols: {
    id: Generated<string>;
    org_id: string | null;
    key: string;
    name: string;
    description: string | null;
    ticker: string | null;
    visibility: Defaulted<Visibility>;
    created_at: CreatedAt;
    updated_at: Defaulted<Date>;
  };
  protocol_versions: {
    id: Generated<string>;
    org_id: string | null;
    protocol_id: string;
    protocol_key: string;
    variant_key: string;
    semantic_version: string;
    sku_code: string;
    description: string | null;
    metadata: Json<readonly { readonly key: string; readonly value: string; readonly description?: string }[]>;
    visibility: Defaulted<Visibility>;
    created_at: CreatedAt;
    updated_at: Defaulted<Date>;
  };
  images: {
    id: Generated<string>;
    org_id: string | null;
    protocol_version_id: string;
    image_uri: string;
    build_version: Int8;
    description: string | null;
    min_cpu_cores: Int8;
    min_memory_bytes: Int8;
    min_disk_bytes: Int8;
    ramdisks: Json<readonly { readonly mount: string; readonly sizeBytes: string }[]>;
    /** an encoded FirewallConfig */
    firewall: Uint8Array;
    min_babel_version: string;
    dns_scheme: string | null;
    visibility: Defaulted<Visibility>;
    created_at: CreatedAt;
    updated_at: Defaulted<Date>;
  };
  image_properties: {
    id: Generated<string>;
    image_id: string;
    position: number;
    key: string;
    key_group: string | null;
    is_group_default: boolean | null;
    new_archive: boolean;
    default_value: string;
    dynamic_value: boolean;
    ui_type: "switch" | "text" | "password" | "enum";
    display_name: string | null;
    display_group: string | null;
    description: string | null;
    add_cpu_cores: Int8OrNull;
    add_memory_bytes: Int8OrNull;
    add_disk_bytes: Int8OrNull;
    variants: JsonOrNull<readonly string[]>;
  };
  archives: { id: Generated<string>; org_id: string | null; image_id: string; store_key: string; combination: string };
  archive_properties: { archive_id: string; image_property_id: string };
  configs: CreatedBy & {
    id: Generated<string>;
    image_id: string;
    archive_id: string;
    /** an encoded NodeConfig; never updated, a change is a new row */
    config: Uint8Array;
    created_at: CreatedAt;
  };
  nodes: CreatedBy & {
    id: Generated<string>;
    node_name: string;
    display_name: string;
    old_node_id: string | null;
    org_id: string;
    host_id: string;
    image_id: string;
    config_id: string;
    protocol_id: string;
    protocol_version_id: string;
    semantic_version: string;
    auto_upgrade: Defaulted<boolean>;
    node_state: Defaulted<NodeStateName>;
    next_state: Defaulted<NextStateName | null>;
    protocol_state: Defaulted<string | null>;
    protocol_health: Defaulted<NodeHealthName | null>;
    jobs: JsonOr<readonly StoredJob[]>;
    note: Defaulted<string | null>;
    tags: JsonOr<readonly string[]>;
    ip_address: string;
    ip_gateway: string;
    p2p_address: Defaulted<string | null>;
    dns_name: string;
    cpu_cores: Int8;
    memory_bytes: Int8;
    disk_bytes: Int8;
    block_height: Int8OrNull;
    block_age: Int8OrNull;
    consensus: Defaulted<boolean | null>;
    apr: Defaulted<number | null>;
    jailed: Defaulted<boolean | null>;
    jailed_reason: Defaulted<string | null>;
    sqd_name: Defaulted<string | null>;
    scheduler: JsonOrNull<StoredScheduler>;
    create_attempts: Defaulted<number>;
    tried_host_ids: JsonOr<readonly string[]>;
    /** when the host last told the status; null when it has not since the node was made or upgraded */
    status_at: Defaulted<Date | null>;
    cost: JsonOrNull<StoredCost>;
    created_at: CreatedAt;
    updated_at: Defaulted<Date>;
  };
  node_logs: CreatedBy & {
    id: Generated<string>;
    node_id: string;
    host_id: string;
    event: string;
    event_data: JsonOrNull<Readonly<Record<string, string>>>;
    created_at: CreatedAt;
  };
  node_reports: CreatedBy & { id: Generated<string>; node_id: string; message: string; created_at: CreatedAt };
  commands: {
    id: Generated<string>;
    /** order of creation; created_at has ties */
    sequence: Generated<bigint>;
    host_id: string;
    node_id: string | null;
    command_type: CommandType;
    /** an encoded NodeUpdate, for node_update */
    payload: Defaulted<Uint8Array | null>;
    undo: JsonOrNull<UpgradeUndo>;
    exit_code: Defaulted<ExitCodeName | null>;
    exit_message: Defaulted<string | null>;
    retry_hint_seconds: Int8OrNull;
    attempt: Defaulted<number>;
    first_attempt_at: Defaulted<Date>;
    not_before: Defaulted<Date | null>;
    acked_at: Defaulted<Date | null>;
    completed_at: Defaulted<Date | null>;
    created_at: CreatedAt;
  };
  secrets: {
    resource_type: ResourceKind | "platform";
    /** all zeros for the platform */
    resource_id: string;
    key: string;
    value_sealed: Uint8Array;
    /** of the platform's: keys of the protocols whose nodes get it; null: every node */
    protocols: JsonOrNull<readonly string[]>;
    version: Defaulted<number>;
    updated_at: Defaulted<Date>;
  };
  outbox: {
    sequence: Generated<bigint>;
    topic: string;
    payload: Uint8Array;
    claimed_at: Defaulted<Date | null>;
    created_at: CreatedAt;
  };
  idempotency: {
    key: string;
    caller: string;
    method: string;
    request_hash: Uint8Array;
    response: Uint8Array;
    created_at: CreatedAt;
  };
  /** A store key that has versions, or had. Its row is what reservations of the key are serialised by. */
  archive_stores: {
    store_key: string;
    /** when its versions were read from the object store, where other servers may have published some */
    scanned_at: Defaulted<Date | null>;
    keep_last: number | null;
    keep_days: number | null;
    /** nothing is reserved until then: chunks that nothing refers to are being removed */
    sweeping_until: Defaulted<Date | null>;
    /** that were begun, of all versions there ever were */
    downloads: Int8OrZero;
    /** of chunks whose download urls were signed */
    served_bytes: Int8OrZero;
    created_at: CreatedAt;
  };
  archive_versions: {
    store_key: string;
    version: Int8;
    state: ArchiveVersionState;
    /** who uploads, or uploaded, it; absent when another server published it */
    owner_type: ResourceKind | null;
    owner_id: string | null;
    owner_node_id: string | null;
    /** which upload of the owner's it is; absent where the client does not say */
    owner_upload_id: Defaulted<string | null>;
    /** whose quota it uses; absent where nobody's */
    org_id: Defaulted<string | null>;
    lease_until: Date | null;
    /** what is being published, and how long nobody may publish anything else as this version */
    publishing_digest: Defaulted<Uint8Array | null>;
    publishing_until: Defaulted<Date | null>;
    /** of the published manifest */
    digest: Defaulted<Uint8Array | null>;
    /** everything of the manifest but its chunks */
    summary: JsonOrNull<StoredManifestSummary>;
    stored_size: Int8OrNull;
    published_at: Defaulted<Date | null>;
    downloads: Defaulted<number>;
    downloaded_at: Defaulted<Date | null>;
    /** when it was reserved, by whoever owns it now */
    created_at: Defaulted<Date>;
  };
  /** Chunks of content-addressed archives that published versions refer to. */
  archive_chunks: {
    store_key: string;
    id: Uint8Array;
    size: Int8;
    checksum: string;
    codec: "none" | "zstd";
    /** whose quota it uses: the first one's that uploaded it */
    org_id: Defaulted<string | null>;
  };
  /** What differs from the settings; null as they have it. */
  archive_quotas: { org_id: string; stored_bytes: Int8OrNull; uploads_per_day: number | null };
  archive_upload_grants: CreatedBy & { host_id: string; store_key: string; created_at: CreatedAt };
  /** What uploaders said about store keys of images with several clients. */
  archive_clients: { image_id: string; client_name: string; store_key: string; data_directory: string };
}
