import { createHash } from "node:crypto";
import { cpSync, existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { makeStore } from "../database/empty-store.ts";
import { openDatabase } from "../database/open-database.ts";

/** Empty stores with today's schema, which take seconds to make; copying one takes none. Kept beside the installed packages. */
const templates = fileURLToPath(new URL("../../../../node_modules/.cache/blockvisor-api", import.meta.url));
const migrations = fileURLToPath(new URL("../database/migrations", import.meta.url));

/** A new data directory for one test, with an empty embedded store in it. */
export async function newDataDir(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), "blockvisor-api-"));
  const template = path.join(templates, await schemaDigest());
  if (!existsSync(template)) await makeTemplate(template);
  // A thousand small files: several times faster than one after another in JavaScript.
  cpSync(path.join(template, "pglite"), path.join(directory, "pglite"), { recursive: true });
  return directory;
}

async function schemaDigest(): Promise<string> {
  const hash = createHash("sha256");
  for (const name of (await readdir(migrations)).sort()) hash.update(await readFile(path.join(migrations, name)));
  return hash.digest("hex").slice(0, 16);
}

async function makeTemplate(template: string): Promise<void> {
  await mkdir(templates, { recursive: true });
  const fresh = await mkdtemp(`${template}-`);
  // From nothing: what was built may be of other migrations.
  await makeStore(path.join(fresh, "pglite"), "");
  await (await openDatabase({ kind: "embedded", directory: fresh })).close();
  // Of two tests that make one at the same time, the first wins.
  await rename(fresh, template).catch(() => rm(fresh, { recursive: true, force: true }));
}
