import { cp, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { PGlite } from "@electric-sql/pglite";

/** An empty store as PGlite makes it, which takes seconds; copying it takes none. Kept beside the installed packages. */
const template = fileURLToPath(new URL("../../../../node_modules/.cache/blockvisor-api/pglite", import.meta.url));

/** A new data directory for one test, with an empty embedded store in it. */
export async function newDataDir(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), "blockvisor-api-"));
  const copy = () => cp(template, path.join(directory, "pglite"), { recursive: true });
  await copy().catch(async () => {
    await makeTemplate();
    await copy();
  });
  return directory;
}

async function makeTemplate(): Promise<void> {
  await mkdir(path.dirname(template), { recursive: true });
  const fresh = await mkdtemp(`${template}-`);
  await (await PGlite.create(fresh)).close();
  // Of two tests that make one at the same time, the first wins.
  await rename(fresh, template).catch(() => rm(fresh, { recursive: true, force: true }));
}
