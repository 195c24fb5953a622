import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { PGlite, types as pgliteTypes } from "@electric-sql/pglite";
import { Kysely, PostgresDialect } from "kysely";
import { PGliteDialect } from "kysely-pglite-dialect";
import pg from "pg";
import type { Settings } from "../configuration/settings.ts";
import { makeStore } from "./empty-store.ts";
import { migrate } from "./migrate.ts";
import { lockDirectory } from "./pglite-lock.ts";
import type { Schema } from "./schema.ts";

export type Database = Kysely<Schema>;

export type DatabaseLocation =
  | { readonly kind: "embedded"; readonly directory: string }
  | { readonly kind: "postgres"; readonly url: string; readonly maxConnections: number };

/** Where the settings say that the store is. */
export const locationOf = (
  settings: Pick<Settings, "dataDir" | "databaseUrl">,
  maxConnections: number,
): DatabaseLocation =>
  settings.databaseUrl === undefined
    ? { kind: "embedded", directory: path.resolve(settings.dataDir) }
    : { kind: "postgres", url: settings.databaseUrl, maxConnections };

export interface OpenDatabase {
  readonly db: Database;
  close(): Promise<void>;
}

/** Opens the store and brings its schema up to date; both kinds run the same migrations. */
export async function openDatabase(location: DatabaseLocation): Promise<OpenDatabase> {
  const open = location.kind === "embedded" ? await openEmbedded(location.directory) : openPostgres(location);
  try {
    await migrate(open.db);
  } catch (error) {
    await open.close();
    throw error;
  }
  return open;
}

async function openEmbedded(directory: string): Promise<OpenDatabase> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const lock = await lockDirectory(directory);
  try {
    const store = path.join(directory, "pglite");
    if (!existsSync(store)) await makeStore(store);
    const pglite = await PGlite.create(store, {
      parsers: { [pgliteTypes.INT8]: (text: string) => BigInt(text) },
    });
    const db = new Kysely<Schema>({ dialect: new PGliteDialect(pglite) });
    return {
      db,
      async close() {
        await db.destroy();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

const int8Oid = 20;

function openPostgres(location: { readonly url: string; readonly maxConnections: number }): OpenDatabase {
  const pool = new pg.Pool({
    connectionString: location.url,
    max: location.maxConnections,
    types: {
      getTypeParser: ((oid: number, format?: "text" | "binary") =>
        oid === int8Oid ? (text: string) => BigInt(text) : pg.types.getTypeParser(oid, format)) as never,
    },
  });
  // An idle connection that the server drops is replaced by the pool; without a listener it would end the process.
  pool.on("error", () => {});
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  return { db, close: () => db.destroy() };
}
