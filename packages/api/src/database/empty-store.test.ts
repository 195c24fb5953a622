import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { PGlite } from "@electric-sql/pglite";
import { newDataDir } from "../testing/data-dir.ts";
import { makeStore } from "./empty-store.ts";
import { migrationNames } from "./migrate.ts";
import { openDatabase } from "./open-database.ts";

test("a new store is unpacked whole, over what one that was cut has left", async () => {
  const source = await newDataDir();
  const directory = await mkdtemp(path.join(tmpdir(), "blockvisor-store-"));
  try {
    const made = await PGlite.create(path.join(source, "pglite"));
    await made.query("create table only_in_the_packed_one (n int)");
    const packed = path.join(source, "packed.tar.gz");
    await writeFile(packed, new Uint8Array(await (await made.dumpDataDir("gzip")).arrayBuffer()));
    await made.close();

    const store = path.join(directory, "pglite");
    await mkdir(`${store}.new`);
    await writeFile(`${store}.new/PG_VERSION`, "half");
    await makeStore(store, packed);
    assert.equal(existsSync(`${store}.new`), false);

    const { db, close } = await openDatabase({ kind: "embedded", directory });
    const tables = (await db.introspection.getTables()).map(({ name }) => name);
    assert.deepEqual([tables.includes("secrets"), tables.includes("only_in_the_packed_one")], [true, true]);
    await close();
    const again = await PGlite.create(store);
    const { rows } = await again.query<{ name: string }>("select name from kysely_migration order by name");
    assert.deepEqual(
      rows.map(({ name }) => name),
      migrationNames,
    );
    await again.close();
  } finally {
    for (const folder of [source, directory]) await rm(folder, { recursive: true, force: true });
  }
});
