import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { BadChunksSchema, Layout } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import { ConnectError } from "@connectrpc/connect";
import { archiveKeys } from "../manifest/archive-keys.ts";
import {
  byKey,
  chunksOf,
  downloadByReference,
  first,
  manifestStream,
  putObject,
  sha256,
  totalOf,
} from "../testing/archive-client.ts";
import { type ArchivesUnderTest, startArchives } from "../testing/archive-fixture.ts";

const storeKey = "chain-lost-main-full-v1";
const archive = byKey(storeKey);

let archives: ArchivesUnderTest;
before(async () => {
  archives = await startArchives({});
});
after(() => archives?.close());

/** As babel uploads: what is said to be stored is not asked a slot for; what publishing calls bad is looked for again. @returns how often it published */
async function upload(contents: readonly Uint8Array[]): Promise<number> {
  const store = archives.host.as.archiveStore;
  const { dataVersion } = await store.getSlots({ archive });
  const ids = contents.map(sha256);
  const summary = { totalSize: totalOf(contents), chunks: contents.length, layout: Layout.CAS, format: 2 };
  const chunks = chunksOf(contents).map((chunk, index) => ({ chunk, id: first(ids.slice(index)) }));
  for (let rounds = 1; rounds <= 3; rounds += 1) {
    const known = (await store.getStoredChunks({ archive, ids })).chunks.map(({ id }) =>
      Buffer.from(id).toString("hex"),
    );
    const missing = contents.filter((bytes) => !known.includes(Buffer.from(sha256(bytes)).toString("hex")));
    const { slots } = await store.getSlots({
      archive,
      dataVersion,
      slots: missing.map((bytes) => ({ object: { case: "chunkId" as const, value: sha256(bytes) } })),
    });
    for (const [index, { url, headers }] of slots.entries()) {
      assert.equal((await putObject(url, first(missing.slice(index)), headers)).status, 200);
    }
    const published = await store.putManifest(manifestStream(storeKey, dataVersion, summary, chunks)).then(
      () => true,
      (error: unknown) => {
        if (ConnectError.from(error).findDetails(BadChunksSchema).length === 0) throw error;
        return false;
      },
    );
    if (published) return rounds;
  }
  assert.fail("the archive takes no version any more");
}

test("content whose object is lost is uploaded again by the next upload, although it was known as stored", async () => {
  const [kept, lost, fresh] = [randomBytes(4000), randomBytes(3000), randomBytes(2000)];
  assert.equal(await upload([kept, lost]), 1);
  const id = Buffer.from(sha256(lost)).toString("hex");
  await rm(path.join(archives.under.dataDir, "archives", "objects", archiveKeys.content(storeKey, id)));
  assert.equal(await upload([kept, lost, fresh]), 2);
  assert.deepEqual(await downloadByReference(archives.host.as, storeKey), Buffer.concat([kept, lost, fresh]));
  assert.deepEqual(await downloadByReference(archives.host.as, storeKey, 1n), Buffer.concat([kept, lost]));
});
