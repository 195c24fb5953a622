import { type Migration, sql } from "kysely";

/** Versions and reservations of protocol data archives (babel-agent §6.7, D6-03, D6-04, D6-10). */
export const archives: Migration = {
  async up(db) {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};

const created = "created_at timestamptz not null default now()";

const statements: readonly string[] = [
  `create table archive_stores (
    store_key text primary key, scanned_at timestamptz, keep_last integer, keep_days integer, sweeping_until timestamptz, ${created})`,
  `create table archive_versions (
    store_key text not null references archive_stores, version bigint not null check (version > 0), state text not null,
    owner_type text, owner_id uuid, owner_node_id uuid, lease_until timestamptz,
    publishing_digest bytea, publishing_until timestamptz, digest bytea, summary jsonb, stored_size bigint,
    published_at timestamptz, downloads integer not null default 0, downloaded_at timestamptz, ${created},
    primary key (store_key, version))`,
  `create unique index archive_versions_uploading on archive_versions (store_key) where state = 'uploading'`,
  `create table archive_chunks (
    store_key text not null references archive_stores, id bytea not null, size bigint not null, checksum text not null, codec text not null,
    primary key (store_key, id))`,
  `create table archive_upload_grants (
    host_id uuid not null references hosts on delete cascade, store_key text not null,
    created_by_type text not null, created_by_id uuid not null, ${created}, primary key (host_id, store_key))`,
  `create table archive_clients (
    image_id uuid not null references images on delete cascade, client_name text not null, store_key text not null,
    data_directory text not null, primary key (image_id, client_name))`,
];
