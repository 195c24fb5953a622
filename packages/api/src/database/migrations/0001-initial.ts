import { type Migration, sql } from "kysely";

/** The data model of spec §1.3, with the corrections CA-1.1, CA-1.2, CA-1.6, CA-1.8, CA-1.13, CA-4.30. */
export const initial: Migration = {
  async up(db) {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};

const created = "created_at timestamptz not null default now()";
const id = "id uuid primary key default gen_random_uuid()";

const statements: readonly string[] = [
  `create table installation (name text primary key, value text not null)`,

  `create table users (
    ${id}, email text not null unique, first_name text not null, last_name text not null,
    password_hash text not null, confirmed_at timestamptz, deleted_at timestamptz, ${created})`,
  `create table user_settings (
    user_id uuid not null references users on delete cascade, key text not null, value bytea not null,
    primary key (user_id, key))`,
  `create table orgs (
    ${id}, name text not null, is_personal boolean not null default false,
    ${created}, updated_at timestamptz not null default now(), deleted_at timestamptz)`,
  `create table user_roles (
    user_id uuid not null references users on delete cascade, org_id uuid not null references orgs on delete cascade,
    role text not null, ${created}, primary key (user_id, org_id, role))`,
  `create index user_roles_org on user_roles (org_id)`,
  `create table provision_tokens (
    ${id}, user_id uuid not null references users on delete cascade, org_id uuid not null references orgs on delete cascade,
    token_hash bytea not null unique, token_sealed bytea not null, expires_at timestamptz not null, ${created},
    unique (user_id, org_id))`,
  `create table sessions (
    ${id}, resource_type text not null, resource_id uuid not null, generation integer not null default 0,
    used_at timestamptz, revoked_at timestamptz, expires_at timestamptz not null, absolute_expires_at timestamptz, ${created})`,
  `create index sessions_resource on sessions (resource_type, resource_id)`,
  `create table api_keys (
    ${id}, user_id uuid not null references users on delete cascade, label text not null, secret_hash bytea not null,
    salt bytea not null, resource_type text not null, resource_id uuid not null, permissions jsonb not null,
    last_used_at timestamptz, ${created})`,
  `create index api_keys_user on api_keys (user_id)`,
  `create table invitations (
    ${id}, org_id uuid not null references orgs on delete cascade, invitee_email text not null,
    invited_by_type text not null, invited_by_id uuid not null,
    accepted_at timestamptz, declined_at timestamptz, ${created})`,
  `create unique index invitations_open on invitations (org_id, invitee_email)
    where accepted_at is null and declined_at is null`,

  `create table regions (${id}, key text not null constraint regions_key unique, display_name text not null, sku_code text)`,
  `create table hosts (
    ${id}, org_id uuid references orgs, provision_org_id uuid not null references orgs,
    region_id uuid not null references regions, network_name text not null constraint hosts_network_name unique,
    display_name text, schedule_type text not null default 'automatic', connection_status text not null default 'offline',
    cpu_cores bigint not null, memory_bytes bigint not null, disk_bytes bigint not null,
    os text not null, os_version text not null, bv_version text not null, ip_address text not null, ip_gateway text not null,
    tags jsonb not null default '[]', cost jsonb, metrics jsonb, metrics_at timestamptz,
    created_by_type text not null, created_by_id uuid not null, ${created}, updated_at timestamptz not null default now())`,
  `create index hosts_org on hosts (org_id)`,
  `create table ip_addresses (
    ${id}, ip text not null constraint ip_addresses_ip unique, host_id uuid not null references hosts on delete cascade,
    released_at timestamptz)`,
  `create index ip_addresses_host on ip_addresses (host_id)`,

  `create table protocols (
    ${id}, org_id uuid references orgs, key text not null constraint protocols_key unique, name text not null,
    description text, ticker text, visibility text not null default 'private',
    ${created}, updated_at timestamptz not null default now())`,
  `create table protocol_versions (
    ${id}, org_id uuid references orgs, protocol_id uuid not null references protocols, protocol_key text not null,
    variant_key text not null, semantic_version text not null, sku_code text not null, description text,
    metadata jsonb not null default '[]', visibility text not null default 'private',
    ${created}, updated_at timestamptz not null default now(),
    constraint protocol_versions_key unique (protocol_key, variant_key, semantic_version))`,
  `create table images (
    ${id}, org_id uuid references orgs, protocol_version_id uuid not null references protocol_versions,
    image_uri text not null, build_version bigint not null, description text,
    min_cpu_cores bigint not null, min_memory_bytes bigint not null, min_disk_bytes bigint not null,
    ramdisks jsonb not null default '[]', firewall bytea not null, min_babel_version text not null, dns_scheme text,
    visibility text not null default 'private', ${created}, updated_at timestamptz not null default now(),
    constraint images_build unique (protocol_version_id, build_version))`,
  `create table image_properties (
    ${id}, image_id uuid not null references images on delete cascade, position integer not null, key text not null,
    key_group text, is_group_default boolean, new_archive boolean not null, default_value text not null,
    dynamic_value boolean not null, ui_type text not null, display_name text, display_group text, description text,
    add_cpu_cores bigint, add_memory_bytes bigint, add_disk_bytes bigint, variants jsonb,
    constraint image_properties_key unique (image_id, key))`,
  `create table archives (
    ${id}, org_id uuid references orgs, image_id uuid not null references images on delete cascade, store_key text not null,
    combination text not null, constraint archives_combination unique (image_id, combination))`,
  `create index archives_store_key on archives (store_key)`,
  `create table archive_properties (
    archive_id uuid not null references archives on delete cascade,
    image_property_id uuid not null references image_properties on delete cascade,
    primary key (archive_id, image_property_id))`,

  `create table configs (
    ${id}, image_id uuid not null references images, archive_id uuid not null references archives, config bytea not null,
    created_by_type text not null, created_by_id uuid not null, ${created})`,
  `create table nodes (
    ${id}, node_name text not null constraint nodes_name unique, display_name text not null, old_node_id uuid,
    org_id uuid not null references orgs, host_id uuid not null references hosts, image_id uuid not null references images,
    config_id uuid not null references configs, protocol_id uuid not null references protocols,
    protocol_version_id uuid not null references protocol_versions, semantic_version text not null,
    auto_upgrade boolean not null default true, node_state text not null default 'starting', next_state text,
    protocol_state text, protocol_health text, jobs jsonb not null default '[]', note text, tags jsonb not null default '[]',
    ip_address text not null constraint nodes_ip_address unique, ip_gateway text not null, p2p_address text,
    dns_name text not null, cpu_cores bigint not null, memory_bytes bigint not null, disk_bytes bigint not null,
    block_height bigint, block_age bigint, consensus boolean, apr double precision, jailed boolean, jailed_reason text,
    sqd_name text, scheduler jsonb, create_attempts integer not null default 1, tried_host_ids jsonb not null default '[]',
    status_at timestamptz, cost jsonb, created_by_type text not null, created_by_id uuid not null,
    ${created}, updated_at timestamptz not null default now())`,
  `create index nodes_host on nodes (host_id)`,
  `create index nodes_org on nodes (org_id, created_at desc, id)`,
  `create index nodes_image on nodes (protocol_version_id)`,
  `create table node_logs (
    ${id}, node_id uuid not null references nodes on delete cascade, host_id uuid not null references hosts on delete cascade,
    event text not null, event_data jsonb, created_by_type text not null, created_by_id uuid not null, ${created})`,
  `create index node_logs_node on node_logs (node_id)`,
  `create table node_reports (
    ${id}, node_id uuid not null references nodes on delete cascade, created_by_type text not null,
    created_by_id uuid not null, message text not null, ${created})`,
  `create index node_reports_node on node_reports (node_id, created_at desc)`,

  `create table commands (
    ${id}, sequence bigserial not null, host_id uuid not null references hosts on delete cascade,
    node_id uuid references nodes on delete cascade, command_type text not null, payload bytea, undo jsonb,
    exit_code text, exit_message text, retry_hint_seconds bigint, attempt integer not null default 1,
    first_attempt_at timestamptz not null default now(), not_before timestamptz,
    acked_at timestamptz, completed_at timestamptz, ${created})`,
  `create index commands_open on commands (host_id, sequence) where exit_code is null`,
  `create index commands_node on commands (node_id, sequence desc)`,
  `create index commands_due on commands (not_before) where exit_code is null and not_before is not null`,

  `create table secrets (
    resource_type text not null, resource_id uuid not null, key text not null, value_sealed bytea not null,
    version integer not null default 1, updated_at timestamptz not null default now(),
    primary key (resource_type, resource_id, key))`,
  `create table outbox (
    sequence bigserial primary key, topic text not null, payload bytea not null, claimed_at timestamptz, ${created})`,
  `create table idempotency (
    key text not null, caller text not null, method text not null, request_hash bytea not null, response bytea not null,
    ${created}, primary key (key, caller, method))`,
  `create index idempotency_created on idempotency (created_at)`,
];
