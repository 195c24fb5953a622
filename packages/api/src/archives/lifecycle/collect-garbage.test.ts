import assert from "node:assert/strict";
import { utimes } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { archiveKeys } from "../manifest/archive-keys.ts";
import { writeBody, writeHeader } from "../manifest/manifest-json.ts";
import { openWorkshop, ownerNamed, type Workshop } from "../testing/workshop.ts";
import { findVersion } from "../versions/find-version.ts";
import { enterChunks } from "../versions/known-chunks.ts";
import { publish } from "../versions/publish.ts";
import { release } from "../versions/release.ts";
import { reserve } from "../versions/reserve.ts";
import { collectGarbage } from "./collect-garbage.ts";

const day = 24 * 3600_000;
const owner = ownerNamed(1);

describe("garbage of archives", () => {
  let workshop: Workshop;
  before(async () => {
    workshop = await openWorkshop();
  });
  after(() => workshop.close());

  const collect = async (storeKey: string, days: number, dryRun = false) => {
    const items = await collectGarbage(workshop.platform(), { dryRun, now: Date.now() + days * day });
    return items.filter((item) => item.storeKey === storeKey).map(({ storeKey: _, ...item }) => item);
  };
  const keysOf = async (storeKey: string) => {
    const keys: string[] = [];
    for await (const { key } of workshop.objects.list(`${storeKey}/`)) keys.push(key.slice(storeKey.length + 1));
    return keys.sort();
  };
  const publishOne = async (storeKey: string, content: string) => {
    const { version, manifest } = await workshop.prepare(storeKey, content);
    await publish(workshop.platform(), { storeKey, version, owner, manifest });
  };

  test("abandoned and released uploads go after a week, running ones stay; a dry run only tells", async () => {
    const storeKey = "abandoned-v1";
    await publishOne(storeKey, "published");
    const { version } = await workshop.prepare(storeKey, "abandoned");
    assert.deepEqual(await collect(storeKey, 6), []);
    const expected = [{ version, reason: "the upload was abandoned", objects: 1, bytes: 9 }];
    assert.deepEqual(await collect(storeKey, 9, true), expected);
    assert.equal((await keysOf(storeKey)).length, 4);
    assert.deepEqual(await collect(storeKey, 9), expected);
    assert.deepEqual(await keysOf(storeKey), ["1/data.part_0", "1/manifest-body.json", "1/manifest-header.json"]);
    assert.deepEqual(await collect(storeKey, 9), []);
    const again = await workshop.prepare(storeKey, "given up");
    assert.equal(again.version, 2n, "every url of the old upload is over");
    await workshop.db.transaction().execute((tx) => release(tx, storeKey, again.version, owner));
    assert.deepEqual(await collect(storeKey, 9), [
      { version: 2n, reason: "the upload was given up", objects: 1, bytes: 8 },
    ]);
  });

  test("an upload whose header was written is a version, not garbage", async () => {
    const storeKey = "half-done-v1";
    const { version, manifest } = await workshop.prepare(storeKey, "content");
    await workshop.objects.put(archiveKeys.body(storeKey, version), writeBody(manifest.chunks));
    await workshop.objects.put(archiveKeys.header(storeKey, version), writeHeader(manifest.summary));
    assert.deepEqual(await collect(storeKey, 30), []);
    assert.equal((await findVersion(workshop.db, workshop.objects, storeKey, undefined)).version, version);
  });

  test("without a policy every version stays; with one, the newest and the young ones and those being downloaded", async () => {
    const storeKey = "policy-v1";
    for (const content of ["one", "two", "three", "four"]) await publishOne(storeKey, content);
    assert.deepEqual(await collect(storeKey, 1000), []);
    const policy = (keep_last: number | null, keep_days: number | null) =>
      workshop.db
        .updateTable("archive_stores")
        .set({ keep_last, keep_days })
        .where("store_key", "=", storeKey)
        .execute();
    await policy(2, 30);
    assert.deepEqual(await collect(storeKey, 29), []);
    await workshop.db
      .updateTable("archive_versions")
      .set({ downloaded_at: new Date(Date.now() + 31 * day) })
      .where("store_key", "=", storeKey)
      .where("version", "=", 1n)
      .execute();
    const versions = (items: Awaited<ReturnType<typeof collect>>) => items.map((item) => item.version);
    assert.deepEqual(versions(await collect(storeKey, 31)), [2n]);
    assert.deepEqual(versions(await collect(storeKey, 32)), [1n]);
    await policy(null, 1);
    assert.deepEqual(versions(await collect(storeKey, 99)), [3n], "the newest version stays whatever the policy");
    assert.equal((await findVersion(workshop.db, workshop.objects, storeKey, undefined)).version, 4n);
    await assert.rejects(findVersion(workshop.db, workshop.objects, storeKey, 3n), /Manifest not found/);
  });

  test("a removal that was interrupted goes on", async () => {
    const storeKey = "interrupted-v1";
    await publishOne(storeKey, "one");
    await workshop.db
      .updateTable("archive_versions")
      .set({ state: "deleting" })
      .where("store_key", "=", storeKey)
      .execute();
    await workshop.objects.delete(archiveKeys.header(storeKey, 1n));
    assert.deepEqual(
      (await collect(storeKey, 0)).map(({ reason }) => reason),
      ["its removal was interrupted"],
    );
    assert.deepEqual(await keysOf(storeKey), []);
  });

  test("content that no version refers to goes after a week, never while an upload runs", async () => {
    const storeKey = "contents-v1";
    const [used, unused, fresh] = ["aa", "bb", "cc"].map((start) => start + "0".repeat(62));
    const chunk = (id: string) => ({
      key: archiveKeys.content(storeKey, id),
      checksum: { kind: "sha256" as const, value: "0".repeat(64) },
      size: 4,
      destinations: [{ path: "file", position: 0, size: 4 }],
      id,
    });
    const ids = [used, unused, fresh].map((id) => id ?? "");
    for (const id of ids) await workshop.objects.put(archiveKeys.content(storeKey, id), Buffer.from("data"));
    const { version } = await workshop.db.transaction().execute((tx) => reserve(tx, storeKey, owner, undefined, 3600));
    const summary = {
      totalSize: 4,
      chunks: 1,
      layout: "cas",
      format: 2,
      requires: [],
      source: {},
    } as const;
    await workshop.db
      .transaction()
      .execute((tx) => enterChunks(tx, storeKey, { summary, chunks: [chunk(ids[0] ?? ""), chunk(ids[1] ?? "")] }));
    const old = new Date(Date.now() - 20 * day);
    for (const id of ids.slice(0, 2))
      await utimes(path.join(workshop.folder, archiveKeys.content(storeKey, id)), old, old);
    assert.deepEqual(await collect(storeKey, 0), [], "an upload runs");
    await publish(workshop.platform(), {
      storeKey,
      version,
      owner,
      manifest: { summary, chunks: [chunk(ids[0] ?? "")] },
    });
    const expected = [{ reason: "chunks that no version refers to", objects: 1, bytes: 4 }];
    assert.deepEqual(await collect(storeKey, 0, true), expected);
    assert.deepEqual(await collect(storeKey, 0), expected);
    assert.deepEqual(
      (await keysOf(storeKey)).filter((key) => key.startsWith("cas/")),
      [`cas/aa/${ids[0]}`, `cas/cc/${ids[2]}`],
    );
    const known = await workshop.db
      .selectFrom("archive_chunks")
      .select("id")
      .where("store_key", "=", storeKey)
      .execute();
    assert.deepEqual(
      known.map(({ id }) => Buffer.from(id).toString("hex")),
      [ids[0]],
    );
    await workshop.db.transaction().execute((tx) => reserve(tx, storeKey, owner, undefined, 3600));
  });

  test("chunks of a version that only the object store knows stay, and it is entered; what cannot be read ends the sweep", async () => {
    const storeKey = "restored-database-v1";
    const [ours, theirs, unused] = ["aa", "bb", "cc"].map((start) => start + "0".repeat(62)) as [
      string,
      string,
      string,
    ];
    const chunk = (id: string) => ({
      key: archiveKeys.content(storeKey, id),
      checksum: { kind: "sha256" as const, value: "0".repeat(64) },
      size: 4,
      destinations: [{ path: "file", position: 0, size: 4 }],
      id,
    });
    const summary = { totalSize: 4, chunks: 1, layout: "cas", format: 2, requires: [], source: {} } as const;
    const old = new Date(Date.now() - 20 * day);
    for (const id of [ours, theirs, unused]) {
      await workshop.objects.put(archiveKeys.content(storeKey, id), Buffer.from("data"));
      await utimes(path.join(workshop.folder, archiveKeys.content(storeKey, id)), old, old);
    }
    const { version } = await workshop.db.transaction().execute((tx) => reserve(tx, storeKey, owner, undefined, 3600));
    await publish(workshop.platform(), { storeKey, version, owner, manifest: { summary, chunks: [chunk(ours)] } });
    const newest = async () => (await findVersion(workshop.db, workshop.objects, storeKey, undefined)).version;
    assert.equal(await newest(), version, "the store is looked through once, now");
    // What another installation publishes, or this one did after the backup of its database.
    await workshop.objects.put(archiveKeys.header(storeKey, 2n), writeHeader(summary));
    const unreadable = [
      {
        version: 2n,
        reason: "its manifest cannot be read: every chunk that versions of the archive may share is kept",
        objects: 0,
        bytes: 0,
      },
    ];
    assert.deepEqual(await collect(storeKey, 0), unreadable, "the header is there, its body is not");
    await workshop.objects.put(archiveKeys.body(storeKey, 2n), Buffer.from("not a manifest"));
    assert.deepEqual(await collect(storeKey, 0), unreadable);
    await workshop.objects.put(archiveKeys.body(storeKey, 2n), writeBody([chunk(theirs)]));

    const expected = [{ reason: "chunks that no version refers to", objects: 1, bytes: 4 }];
    assert.deepEqual(await collect(storeKey, 0, true), expected);
    assert.equal(await newest(), 1n, "only told");
    assert.deepEqual(await collect(storeKey, 0), expected);
    assert.deepEqual(
      (await keysOf(storeKey)).filter((key) => key.startsWith("cas/")),
      [`cas/aa/${ours}`, `cas/bb/${theirs}`],
    );
    assert.equal(await newest(), 2n);
    const { version: next } = await workshop.db
      .transaction()
      .execute((tx) => reserve(tx, storeKey, owner, undefined, 3600));
    assert.equal(next, 3n);
  });
});
