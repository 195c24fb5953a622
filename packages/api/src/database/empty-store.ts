import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { PGlite } from "@electric-sql/pglite";
import { Kysely } from "kysely";
import { PGliteDialect } from "kysely-pglite-dialect";
import { migrate, migrationNames } from "./migrate.ts";
import type { Schema } from "./schema.ts";

/**
 * An embedded store with today's schema and nothing in it, packed by `./dev build`: to unpack it takes a fraction of the seconds that a new database
 * cluster takes. Its name says what it was made with, so that one of another build is not found.
 */
function packedName(): string {
  const entry = fileURLToPath(import.meta.resolve("@electric-sql/pglite"));
  const { version } = JSON.parse(readFileSync(path.join(entry, "../../package.json"), "utf8")) as { version: string };
  const digest = createHash("sha256")
    .update([version, ...migrationNames].join("\n"))
    .digest("hex");
  return `empty-store-${digest.slice(0, 16)}.tar.gz`;
}

/** Beside the running program: dist/bundles/blockvisor-api.js → dist/api, packages/api/src/database/… → dist/api. */
function packedStore(): string | undefined {
  return ["../api", "../../../../dist/api"]
    .map((folder) => path.join(fileURLToPath(new URL(folder, import.meta.url)), packedName()))
    .find((file) => existsSync(file));
}

/**
 * Makes `folder` an embedded store: whole, or not at all, whenever this is killed. The caller holds its lock.
 * @param packed file of an empty store to begin with; empty: everything is made from nothing
 */
export async function makeStore(folder: string, packed = packedStore() ?? ""): Promise<void> {
  const fresh = `${folder}.new`;
  await rm(fresh, { recursive: true, force: true });
  const content = packed === "" ? {} : { loadDataDir: new Blob([await readFile(packed)]) };
  await (await PGlite.create(fresh, content)).close();
  await rename(fresh, folder);
}

/**
 * Packs an empty store below `target`, and removes those of other builds. One that is newer than the sources of all migrations stays.
 * @param sources folder of the migrations
 */
export async function packEmptyStore(target: string, sources: string): Promise<void> {
  await mkdir(target, { recursive: true });
  const name = packedName();
  const newest = Math.max(...readdirSync(sources).map((file) => statSync(path.join(sources, file)).mtimeMs));
  for (const other of readdirSync(target)) {
    if (other !== name || statSync(path.join(target, other)).mtimeMs < newest)
      rmSync(path.join(target, other), { recursive: true });
  }
  if (existsSync(path.join(target, name))) return;
  const scratch = await mkdtemp(path.join(target, "new-"));
  try {
    const pglite = await PGlite.create(path.join(scratch, "pglite"));
    await migrate(new Kysely<Schema>({ dialect: new PGliteDialect(pglite) }));
    const packed = await pglite.dumpDataDir("gzip");
    await pglite.close();
    await writeFile(path.join(scratch, name), new Uint8Array(await packed.arrayBuffer()));
    await rename(path.join(scratch, name), path.join(target, name));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
