import { type Migration, sql } from "kysely";

/** A reservation belongs to one upload, for a host may make several of one archive (babel-agent D6-03). */
export const uploads: Migration = {
  async up(db) {
    await sql.raw("alter table archive_versions add column owner_upload_id text").execute(db);
  },
};
