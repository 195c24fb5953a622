import { type Migration, Migrator } from "kysely";
import { initial } from "./migrations/0001-initial.ts";
import { archives } from "./migrations/0002-archives.ts";
import { uploads } from "./migrations/0003-uploads.ts";
import { quotas } from "./migrations/0004-quotas.ts";
import { secretScopes } from "./migrations/0005-secret-scopes.ts";
import { hostFacts } from "./migrations/0006-host-facts.ts";
import type { Database } from "./open-database.ts";

/** Every step ever released, in order. A released step is never edited; a change is a new step. */
const migrations: Readonly<Record<string, Migration>> = {
  "0001-initial": initial,
  "0002-archives": archives,
  "0003-uploads": uploads,
  "0004-quotas": quotas,
  "0005-secret-scopes": secretScopes,
  "0006-host-facts": hostFacts,
};

export const migrationNames: readonly string[] = Object.keys(migrations);

/**
 * Forward only. Kysely serialises concurrent starts with an advisory lock.
 * @throws when a step fails, or when the database was written by a newer version
 */
export async function migrate(db: Database): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  const reason = error instanceof Error ? error.message : String(error);
  throw new Error(
    reason.includes("corrupted migrations")
      ? `The database was written by a newer blockvisor-api (${reason}). Start that version, or restore a backup.`
      : `The database could not be migrated: ${reason}`,
    { cause: error },
  );
}
