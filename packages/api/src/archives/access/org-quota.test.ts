import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { Layout, QuotaExceededSchema } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  byKey,
  chunksOf,
  downloadByReference,
  first,
  manifestStream,
  putObject,
  sha256,
  totalOf,
  uploadByReference,
} from "../testing/archive-client.ts";
import { type ArchivesUnderTest, startArchives } from "../testing/archive-fixture.ts";

let archives: ArchivesUnderTest;
before(async () => {
  archives = await startArchives({ archiveBytesPerOrg: 10_000, archiveUploadsPerDay: 4 });
});
after(() => archives?.close());

async function refused(call: Promise<unknown>) {
  const failure = await call.then(() => assert.fail("nothing was refused"), ConnectError.from);
  const { orgId, quota } = first(failure.findDetails(QuotaExceededSchema));
  assert.deepEqual([failure.code, orgId], [Code.ResourceExhausted, archives.orgId]);
  return [failure.rawMessage, quota?.storedBytes ?? quota?.uploadsPerDay];
}

/** A content-addressed version. @returns what was sent */
async function publish(storeKey: string, contents: readonly Uint8Array[]): Promise<void> {
  const store = archives.host.as.archiveStore;
  const archive = byKey(storeKey);
  const ids = contents.map(sha256);
  const wishes = contents.map((bytes) => ({ object: { case: "chunkId" as const, value: sha256(bytes) } }));
  const { dataVersion, slots } = await store.getSlots({ archive, slots: wishes });
  for (const [index, { url, headers, stored }] of slots.entries()) {
    if (stored === undefined) assert.equal((await putObject(url, first(contents.slice(index)), headers)).status, 200);
  }
  const summary = { totalSize: totalOf(contents), chunks: contents.length, layout: Layout.CAS, format: 2 };
  const chunks = chunksOf(contents).map((chunk, index) => ({ chunk, id: first(ids.slice(index)) }));
  await store.putManifest(manifestStream(storeKey, dataVersion, summary, chunks));
}

test("an org stores and uploads no more than it may; what is refused is neither reserved nor signed", async () => {
  const { under, host, orgId } = archives;
  const admin = under.as.archiveStore;
  const quota = () => admin.getQuota({ orgId }).then(({ $typeName: _, ...used }) => used);
  const [parts, other] = ["chain-parts-main-full-v1", "chain-other-main-full-v1"];
  const shared = [randomBytes(2000), randomBytes(1000)];
  await uploadByReference(host.as, parts, [randomBytes(3000)]);
  await publish(other, shared);
  await publish(other, [...shared, randomBytes(500)]);
  const { quota: limits, ...used } = await quota();
  assert.deepEqual(
    [limits?.storedBytes, limits?.uploadsPerDay, used],
    [10_000n, 4, { storedBytes: 6500n, uploads: 3 }],
  );

  const archive = byKey(parts);
  const slots = [{ object: { case: "index" as const, value: 0 }, size: 3501n }];
  const bytes =
    "The quota is used up: the org has 6500 of 10000 bytes of archives that it may store, there is no room for";
  const advice = "Delete versions, or have an administrator raise it (SetQuota).";
  const large = host.as.archiveStore.getSlots({ archive, slots });
  assert.deepEqual(await refused(large), [`${bytes} 3501 more. ${advice}`, 10_000n]);
  assert.equal((await quota()).uploads, 3, "nothing was reserved");
  // Who does not say how large it is finds out when it publishes.
  assert.deepEqual(await refused(uploadByReference(host.as, parts, [randomBytes(4000)])), [
    `${bytes} 4000 more. ${advice}`,
    10_000n,
  ]);
  await admin.setQuota({ orgId, quota: { storedBytes: 20_000n } });
  await uploadByReference(host.as, parts, [randomBytes(4000)]);
  const often = "The quota is used up: the org began 4 uploads of archives in 24 hours, as many as it may.";
  assert.deepEqual(await refused(host.as.archiveStore.getSlots({ archive })), [`${often} ${advice}`, 4]);
  const unlimited = await admin.setQuota({ orgId, quota: { uploadsPerDay: 100 } });
  assert.deepEqual([unlimited.quota?.storedBytes, unlimited.quota?.uploadsPerDay], [10_000n, 100]);
  // Of somebody without an org nothing is asked.
  await uploadByReference(under.as, "chain-admin-main-full-v1", [randomBytes(20_000)]);
});

test("an archive says how often it was downloaded, and how many bytes of it", async () => {
  const { host, under } = archives;
  const storeKey = "chain-metrics-main-full-v1";
  await uploadByReference(under.as, storeKey, [randomBytes(3000), randomBytes(70)]);
  for (const _ of [1, 2]) await downloadByReference(host.as, storeKey);
  const [archive] = (await host.as.archiveStore.listArchives({ storeKey })).archives;
  assert.deepEqual([archive?.downloads, archive?.servedBytes], [2n, 6140n]);
});

test("archives are listed in pages", async () => {
  const list = under().listArchives;
  const all = (await list({})).archives.map(({ storeKey }) => storeKey);
  const paged: string[] = [];
  for (let more = true; more; ) {
    const after = paged.at(-1);
    const page = await list({ limit: 2, ...(after === undefined ? {} : { after }) });
    paged.push(...page.archives.map(({ storeKey }) => storeKey));
    more = page.more;
  }
  assert.equal(all.length, 4);
  assert.deepEqual(paged, all);
});

const under = () => archives.under.as.archiveStore;
