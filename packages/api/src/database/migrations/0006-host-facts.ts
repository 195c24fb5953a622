import { type Migration, sql } from "kysely";

/** What hosts tell of their machines beyond the contract (host-daemon DB-10.7). */
export const hostFacts: Migration = {
  async up(db) {
    await sql
      .raw(
        `create table host_facts (
          host_id uuid primary key references hosts on delete cascade, kernel text not null, runtimes jsonb not null, gpus jsonb not null,
          reported_at timestamptz not null)`,
      )
      .execute(db);
  },
};
