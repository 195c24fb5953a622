import { type Migration, sql } from "kysely";

/** Quotas of orgs, and what an archive is used (babel-agent D6-13). */
export const quotas: Migration = {
  async up(db) {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};

const ofOrg = "org_id uuid references orgs on delete set null";

const statements: readonly string[] = [
  `alter table archive_stores add column downloads bigint not null default 0, add column served_bytes bigint not null default 0`,
  `update archive_stores set downloads = coalesce(
    (select sum(downloads) from archive_versions where archive_versions.store_key = archive_stores.store_key), 0)`,
  `alter table archive_versions add column ${ofOrg}`,
  `create index archive_versions_org on archive_versions (org_id) where org_id is not null`,
  `alter table archive_chunks add column ${ofOrg}`,
  `create index archive_chunks_org on archive_chunks (org_id) include (size) where org_id is not null`,
  `create table archive_quotas (
    org_id uuid primary key references orgs on delete cascade, stored_bytes bigint, uploads_per_day integer)`,
];
