import assert from "node:assert/strict";
import { chmod, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, test } from "node:test";
import { startApi } from "../start-api.ts";
import { quiet, startApiUnderTest } from "../testing/api-under-test.ts";
import { newDataDir } from "../testing/data-dir.ts";
import { loadKeys } from "./key-file.ts";
import { createVault } from "./vault.ts";

test("a sealed value opens only where it belongs, only unchanged, only with its key", () => {
  const vault = createVault(Buffer.alloc(32, 1));
  const sealed = Buffer.from(vault.seal(Buffer.from("s3cret"), "secret/node/1/key"));
  assert.equal(Buffer.from(vault.open(sealed, "secret/node/1/key")).toString(), "s3cret");
  assert.ok(!sealed.includes("s3cret"));
  assert.notDeepEqual(vault.seal(Buffer.from("s3cret"), "secret/node/1/key"), sealed);
  assert.throws(() => vault.open(sealed, "secret/node/2/key"));
  assert.throws(() => createVault(Buffer.alloc(32, 2)).open(sealed, "secret/node/1/key"));
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.throws(() => vault.open(changed, "secret/node/1/key"), `byte ${at}`);
  }
  assert.throws(() => vault.open(sealed.subarray(0, 20), "secret/node/1/key"));
});

describe("the key file", () => {
  test("is made once, also by processes that start together, and is private", async () => {
    const directory = await newDataDir();
    const file = path.join(directory, "keys.json");
    const made = await Promise.all([loadKeys(file), loadKeys(file), loadKeys(file)]);
    assert.deepEqual(made[1], made[0]);
    assert.deepEqual(made[2], made[0]);
    await chmod(file, 0o644);
    assert.deepEqual(await loadKeys(file), made[0]);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    await writeFile(file, "{");
    await assert.rejects(loadKeys(file), /The key file .*keys\.json is damaged; restore it from a backup\./);
    const short = Buffer.alloc(8).toString("base64");
    await writeFile(file, JSON.stringify({ version: 1, access: short, refresh: short, master: short }));
    await assert.rejects(loadKeys(file), /has a key shorter than 32 bytes/);
    await rm(directory, { recursive: true });
  });

  test("of another installation is refused, and so is a database of a newer version", async () => {
    const under = await startApiUnderTest();
    await under.api.close();
    const options = { dataDir: under.dataDir, port: 0, mqttPort: 0, log: quiet };
    const file = path.join(under.dataDir, "keys.json");
    const own = await readFile(file);
    await rm(file);
    await assert.rejects(startApi(options), /The key file does not belong to this database/);
    await writeFile(file, own);
    const { PGlite } = await import("@electric-sql/pglite");
    const database = await PGlite.create(path.join(under.dataDir, "pglite"));
    await database.query("insert into kysely_migration (name, timestamp) values ('9999-future', 'x')");
    await database.close();
    await assert.rejects(startApi(options), /The database was written by a newer blockvisor-api/);
    await under.close();
  });
});
