import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { parseSettings } from "../configuration/settings.ts";
import { locationOf, openDatabase } from "../database/open-database.ts";
import { newDataDir } from "../testing/data-dir.ts";
import { archiveCommand } from "./archive-command.ts";

test("an operator finds versions in the store and removes what no policy keeps", async (t) => {
  const dataDir = await newDataDir();
  t.after(() => rm(dataDir, { recursive: true, force: true }));
  const settings = parseSettings({ dataDir, logLevel: "silent" });
  const objects = path.join(dataDir, "archives", "objects");
  for (const version of [1, 2]) {
    const folder = path.join(objects, "chain-main-v1", String(version));
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, "manifest-header.json"), '{"total_size":0,"compression":null,"chunks":0}');
    await writeFile(path.join(folder, "manifest-body.json"), '{"chunks":[]}');
  }
  await mkdir(path.join(objects, "short", "1"), { recursive: true });
  const run = (...operands: readonly string[]) => archiveCommand(settings, operands, false);
  assert.deepEqual(await run("scan"), ["chain-main-v1: found version 1, version 2"]);
  assert.deepEqual(await run("scan", "chain-main-v1"), ["Nothing new was found."]);
  assert.deepEqual(await run("gc"), ["There is no garbage."]);
  const database = await openDatabase(locationOf(settings, 1));
  await database.db.updateTable("archive_stores").set({ keep_last: 1 }).execute();
  await database.close();
  const line = "chain-main-v1 version 1: newer versions replace it; 2 objects, 59 bytes";
  assert.deepEqual(await archiveCommand(settings, ["gc"], true), [
    `${line} would be removed`,
    "59 bytes would be removed.",
  ]);
  assert.deepEqual(await run("gc"), [`${line} removed`, "59 bytes removed."]);
  assert.deepEqual(await run("gc"), ["There is no garbage."]);
  assert.equal(await run("gc", "chain-main-v1"), undefined);
  assert.equal(await run("burn"), undefined);
});
