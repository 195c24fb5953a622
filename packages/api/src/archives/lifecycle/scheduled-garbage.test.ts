import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { uploadByReference } from "../testing/archive-client.ts";
import { startArchives } from "../testing/archive-fixture.ts";

test("the server removes by itself what no policy keeps", { timeout: 60_000 }, async (t) => {
  const archives = await startArchives({ archiveGcInterval: 1 });
  t.after(() => archives.close());
  const storeKey = "chain-gc-main-full-v1";
  for (const _ of [1, 2]) await uploadByReference(archives.host.as, storeKey, [randomBytes(100)]);
  const versions = async () => {
    const { archives: found } = await archives.host.as.archiveStore.listArchives({ storeKey, allVersions: true });
    return found[0]?.versions.map(({ dataVersion }) => dataVersion);
  };
  assert.deepEqual(await versions(), [1n, 2n]);
  await archives.under.as.archiveStore.setRetention({ storeKey, keepLast: 1 });
  while ((await versions())?.length !== 1) await pause(20);
  assert.deepEqual(await versions(), [2n]);
  assert.deepEqual(await readdir(path.join(archives.under.dataDir, "archives", "objects", storeKey)), ["2"]);
});
