import { type Migration, sql } from "kysely";

/** Secrets of the platform, which may be for the nodes of some protocols only (control-api CA-7.2). */
export const secretScopes: Migration = {
  async up(db) {
    await sql.raw("alter table secrets add column protocols jsonb").execute(db);
  },
};
