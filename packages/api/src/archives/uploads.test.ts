import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { BadChunksSchema, Layout, VersionState } from "@blockvisor/wire/blockvisor/archive/v1/archive";
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
} from "./testing/archive-client.ts";
import { type ArchivesUnderTest, installations, startArchives } from "./testing/archive-fixture.ts";

const codeOf = async (call: Promise<unknown>): Promise<readonly [Code | "succeeded", string]> =>
  call.then(
    () => ["succeeded", ""] as const,
    (error: unknown) => {
      const failure = ConnectError.from(error);
      return [failure.code, failure.rawMessage] as const;
    },
  );

for (const [name, start] of Object.entries(installations)) {
  describe(`archives on ${name}`, () => {
    let archives: ArchivesUnderTest;
    let as: ArchivesUnderTest["host"]["as"];
    before(async () => {
      archives = await start();
      as = archives.host.as;
    });
    after(() => archives?.close());

    const pieces = (seed: number) => [randomBytes(70_000 + seed), randomBytes(50_000), randomBytes(30)];

    test("what the reference's client uploads, it downloads; the newest version first, older ones by number", async () => {
      const storeKey = "chain-client-main-full-v1";
      assert.deepEqual(await codeOf(as.archive.getDownloadMetadataByStoreKey({ storeKey })), [
        Code.NotFound,
        "Store not found.",
      ]);
      const [one, two] = [pieces(1), pieces(2)];
      assert.equal(await uploadByReference(as, storeKey, one), 1n);
      assert.deepEqual(await downloadByReference(as, storeKey), Buffer.concat(one));
      assert.equal(await uploadByReference(as, storeKey, two), 2n);
      assert.deepEqual(await downloadByReference(as, storeKey), Buffer.concat(two));
      assert.deepEqual(await downloadByReference(as, storeKey, 1n), Buffer.concat(one));
      assert.deepEqual(await codeOf(as.archive.getDownloadMetadataByStoreKey({ storeKey, dataVersion: 3n })), [
        Code.NotFound,
        "Manifest not found.",
      ]);
    });

    test("keys are derived by the server, whatever a manifest says", async () => {
      const storeKey = "chain-keys-main-full-v1";
      await uploadByReference(as, storeKey, pieces(1));
      const { chunks } = await as.archive.getDownloadChunksByStoreKey({
        storeKey,
        dataVersion: 1n,
        chunkIndexes: [2, 0],
      });
      assert.deepEqual(
        chunks.map(({ index, key }) => [index, key]),
        [
          [2, `${storeKey}/1/data.part_2`],
          [0, `${storeKey}/1/data.part_0`],
        ],
      );
    });

    test("of ten reservations at once one wins; its owner gets it again, the others the next number after it", async () => {
      const storeKey = "chain-race-main-full-v1";
      const hosts = await Promise.all(Array.from({ length: 5 }, (_, index) => archives.newHost(`racer-${index}`)));
      for (const { hostId } of hosts) await archives.under.as.archiveStore.grantUpload({ grant: { hostId } });
      const reserve = (index: number) =>
        first(hosts.slice(index % 5)).as.archive.getUploadSlotsByStoreKey({ storeKey });
      const results = await Promise.all(Array.from({ length: 10 }, (_, index) => codeOf(reserve(index))));
      const winners = results.flatMap(([code], index) => (code === "succeeded" ? [index % 5] : []));
      assert.equal(new Set(winners).size, 1);
      assert.equal(winners.length, 2, "both calls of the winner");
      for (const [code, message] of results) {
        if (code !== "succeeded") assert.deepEqual([code, message], [Code.AlreadyExists, "Data version: 1"]);
      }
      const winner = first(winners);
      assert.equal((await reserve(winner)).dataVersion, 1n);
      await first(hosts.slice(winner)).as.archiveStore.releaseUpload({ archive: byKey(storeKey), dataVersion: 1n });
      assert.equal((await reserve(winner + 1)).dataVersion, 2n, "urls of version 1 may still be good");
    });

    test("two uploads of one host do not get each other's version, and it goes on with its own", async () => {
      const archive = byKey("chain-twice-main-full-v1");
      const reserve = (uploadId: string) => codeOf(as.archiveStore.getSlots({ archive, uploadId }));
      assert.equal((await reserve("one"))[0], "succeeded");
      assert.deepEqual(await reserve("two"), [Code.AlreadyExists, "Data version: 1"]);
      await as.archiveStore.releaseUpload({ archive, dataVersion: 1n, uploadId: "two" });
      assert.deepEqual(await reserve("two"), [Code.AlreadyExists, "Data version: 1"]);
      assert.equal((await as.archiveStore.getSlots({ archive, uploadId: "one" })).dataVersion, 1n);
      assert.deepEqual(await reserve("a b"), [Code.InvalidArgument, "upload_id"]);
    });

    test("a version is immutable: the same publish again succeeds, another one does not, and its urls are dead", async () => {
      const storeKey = "chain-fixed-main-full-v1";
      const data = pieces(1);
      const { slots } = await as.archive.getUploadSlotsByStoreKey({ storeKey, slotIndexes: [0, 1, 2] });
      for (const { index, url } of slots) await putObject(url, first(data.slice(index)));
      const manifest = { storeKey, dataVersion: 1n, totalSize: totalOf(data), chunks: chunksOf(data) };
      await Promise.all([1, 2, 3].map(() => as.archive.putDownloadManifestByStoreKey(manifest)));
      await as.archive.putDownloadManifestByStoreKey(manifest);
      const other = { ...manifest, chunks: chunksOf(data, "chaindata/another.sst") };
      assert.deepEqual(await codeOf(as.archive.putDownloadManifestByStoreKey(other)), [
        Code.AlreadyExists,
        "Data version: 1",
      ]);
      assert.deepEqual(
        await codeOf(as.archive.getUploadSlotsByStoreKey({ storeKey, dataVersion: 1n, slotIndexes: [0] })),
        [Code.AlreadyExists, "Data version: 1"],
      );
      if (name.includes("directory")) assert.equal((await putObject(first(slots).url, randomBytes(10))).status, 409);
      assert.deepEqual(await downloadByReference(as, storeKey), Buffer.concat(data));
    });

    test("chunks that are not stored as stated are named; a failed upload changes nothing for readers", async () => {
      const storeKey = "chain-bad-main-full-v1";
      const good = pieces(1);
      await uploadByReference(as, storeKey, good);
      const data = pieces(5);
      const { slots } = await as.archive.getUploadSlotsByStoreKey({ storeKey, slotIndexes: [0, 1, 2] });
      await putObject(first(slots).url, first(data));
      await putObject(first(slots.slice(1)).url, randomBytes(7));
      const manifest = { storeKey, dataVersion: 2n, totalSize: totalOf(data), chunks: chunksOf(data) };
      const failure = await as.archive
        .putDownloadManifestByStoreKey(manifest)
        .then(() => assert.fail(), ConnectError.from);
      assert.deepEqual(
        [failure.code, failure.rawMessage],
        [Code.FailedPrecondition, "chunks: not stored with the stated size: 1, 2"],
      );
      assert.deepEqual(first(failure.findDetails(BadChunksSchema)).indexes, [1, 2]);
      assert.deepEqual(await downloadByReference(as, storeKey), Buffer.concat(good));
      for (const index of [1, 2]) await putObject(first(slots.slice(index)).url, first(data.slice(index)));
      await as.archive.putDownloadManifestByStoreKey(manifest);
      assert.deepEqual(await downloadByReference(as, storeKey), Buffer.concat(data));
    });

    test("a manifest that could do harm is refused", async () => {
      const storeKey = "chain-harm-main-full-v1";
      await as.archive.getUploadSlotsByStoreKey({ storeKey });
      const piece = randomBytes(10);
      const [chunk] = chunksOf([piece]);
      assert.ok(chunk);
      const at = (path: string, positionBytes = 0n, sizeBytes = 10n) => ({ path, positionBytes, sizeBytes });
      const refusals: readonly (readonly [object, RegExp])[] = [
        ...["../x", "/etc/passwd", "a/../b", "a//b", "./a", "", "a/", "a\0b", "\ufffd", "x".repeat(300)].map(
          (path) => [{ destinations: [at(path)] }, /the path '.*' (is|contains)/s] as const,
        ),
        [{ destinations: [at(".babel_jobs/x")] }, /belongs to the agent/],
        [{ destinations: [at("a", 5n)] }, /'a' has nothing from 0 to 5/],
        [{ destinations: [at("a", 0n, 5n), at("a", 3n, 5n)] }, /'a' is written twice at 3/],
        [{ destinations: [at("a", 0n, 5n), at("a/b", 0n, 5n)] }, /'a' is a file and the folder of 'a\/b'/],
        [{ destinations: [at("a", 0n, 9n)] }, /not compressed, but has 10 bytes for 9/],
        [{ destinations: [] }, /chunk 0 has no destination/],
        [{ destinations: [at("a", 0n, 0n)] }, /10 stored bytes for 0 bytes/],
        [{ destinations: [at("a"), at("a", 10n, 0n)] }, /'a' is written twice at 10/],
        [{ checksum: { checksum: { case: "sha256", value: new Uint8Array(20) } } }, /^chunks: .*wrong length/],
        [{ checksum: undefined }, /^chunks: .* has no checksum/],
        [{ size: 2n ** 60n }, /is too large/],
      ];
      for (const [change, message] of refusals) {
        const [code, said] = await codeOf(
          as.archive.putDownloadManifestByStoreKey({
            storeKey,
            dataVersion: 1n,
            totalSize: 10n,
            chunks: [{ ...chunk, ...change }],
          }),
        );
        assert.equal(
          code,
          Code.InvalidArgument,
          JSON.stringify(change, (_, value) => String(value)),
        );
        assert.match(said, message);
      }
      const wrongTotal = { storeKey, dataVersion: 1n, totalSize: 11n, chunks: [chunk] };
      assert.match((await codeOf(as.archive.putDownloadManifestByStoreKey(wrongTotal)))[1], /^total_size: is 11/);
    });

    test("limits and names of the requests", async () => {
      const indexes = Array.from({ length: 101 }, (_, index) => index);
      const storeKey = "chain-limit-main-full-v1";
      const expectations = [
        [
          () => as.archive.getUploadSlotsByStoreKey({ storeKey, slotIndexes: indexes }),
          Code.OutOfRange,
          /^slot_indexes/,
        ],
        [
          () => as.archive.getDownloadChunksByStoreKey({ storeKey, dataVersion: 1n, chunkIndexes: indexes }),
          Code.OutOfRange,
          /^chunk_indexes/,
        ],
        [() => as.archive.getUploadSlotsByStoreKey({ storeKey: "Chain-Upper-v1" }), Code.InvalidArgument, /^store_key/],
        [() => as.archive.getUploadSlotsByStoreKey({ storeKey: "short" }), Code.InvalidArgument, /^store_key/],
        [() => as.archive.getUploadSlotsByStoreKey({ storeKey: "a/../../b" }), Code.InvalidArgument, /^store_key/],
        [
          () => as.archive.getUploadSlotsByStoreKey({ storeKey, dataVersion: 0n }),
          Code.InvalidArgument,
          /^data_version/,
        ],
        [() => as.archive.getUploadSlotsByStoreKey({ storeKey, dataVersion: 500n }), Code.OutOfRange, /^data_version/],
        [() => as.archive.getUploadSlots({ archiveId: "nonsense" }), Code.InvalidArgument, /^archive_id/],
        [
          () => as.archive.getDownloadMetadata({ archiveId: crypto.randomUUID() }),
          Code.NotFound,
          /^Image archive not found/,
        ],
        [() => as.archive.getS3Config({}), Code.Unimplemented, /nobody gets keys of the bucket/],
      ] as const;
      for (const [call, code, message] of expectations) {
        const [actual, said] = await codeOf(call());
        assert.deepEqual([actual, message.test(said)], [code, true], said);
      }
    });

    test("a reservation without urls is for a day, with the reference's request as with ours; an administrator can end it", async () => {
      const hours = (seconds: bigint) => Math.round((Number(seconds) - Date.now() / 1000) / 3600);
      const storeKey = "chain-day-main-full-v1";
      const asOurs = () => as.archiveStore.getSlots({ archive: byKey(storeKey) });
      assert.equal(hours((await asOurs()).leaseUntil), 24);
      const { archiveStore } = archives.under.as;
      assert.deepEqual(
        [
          (await archiveStore.releaseReservation({ storeKey })).dataVersion,
          await codeOf(archiveStore.releaseReservation({ storeKey })),
        ],
        [1n, [Code.NotFound, "Upload not found."]],
      );
      await as.archive.getUploadSlotsByStoreKey({ storeKey });
      const { archives: listed } = await archiveStore.listArchives({ storeKey, allVersions: true });
      assert.deepEqual(
        first(listed).versions.map(({ dataVersion, state }) => [dataVersion, state]),
        [
          [1n, VersionState.DELETING],
          [2n, VersionState.UPLOADING],
        ],
      );
      assert.equal(hours(first(listed).versions[1]?.leaseUntil ?? 0n), 24);
      // Whoever held it is told.
      await archiveStore.releaseReservation({ storeKey });
      const [code] = await codeOf(as.archiveStore.getSlots({ archive: byKey(storeKey), dataVersion: 2n }));
      assert.equal(code, Code.FailedPrecondition);
    });

    test("the life of urls is clamped, and the lease is never shorter", async () => {
      const life = async (urlExpires: number) => {
        const { slots, leaseUntil } = await as.archiveStore.getSlots({
          archive: byKey("chain-life-main-full-v1"),
          urlExpires,
          slots: [{ object: { case: "index", value: 0 } }],
        });
        const { expiresAt, url } = first(slots);
        assert.ok(leaseUntil >= expiresAt);
        const query = new URL(url).searchParams;
        const signed = query.get("expires") ?? query.get("X-Amz-Expires");
        return [Math.round((Number(expiresAt) - Date.now() / 1000) / 60), signed !== null];
      };
      assert.deepEqual(await life(1), [15, true]);
      assert.deepEqual(await life(3600), [60, true]);
      assert.deepEqual(await life(4_000_000_000), [7 * 24 * 60, true]);
    });

    test("uploading needs a grant, downloading does not; publishing for a foreign org is refused in a stream too", async () => {
      const storeKey = "chain-grant-main-full-v1";
      await uploadByReference(as, storeKey, pieces(1));
      const stranger = await archives.newHost(`stranger-${name.length}`);
      assert.equal((await downloadByReference(stranger.as, storeKey)).length, 120_031);
      const upload = () => codeOf(stranger.as.archive.getUploadSlotsByStoreKey({ storeKey }));
      assert.match((await upload())[1], /may not upload to chain-grant.*--archive-uploaders stranger-/);
      const grant = { hostId: stranger.hostId, storeKey };
      await archives.under.as.archiveStore.grantUpload({ grant });
      assert.ok(
        (await archives.under.as.archiveStore.listUploadGrants({})).grants.some((one) => one.hostId === grant.hostId),
      );
      assert.equal((await upload())[0], "succeeded");
      assert.equal(
        (await codeOf(stranger.as.archive.getUploadSlotsByStoreKey({ storeKey: "another-key-v1" })))[0],
        Code.PermissionDenied,
      );
      // A reservation belongs to who made it.
      assert.deepEqual(await codeOf(as.archive.getUploadSlotsByStoreKey({ storeKey, dataVersion: 2n })), [
        Code.AlreadyExists,
        "Data version: 2",
      ]);
      const stolen = { storeKey, dataVersion: 2n, totalSize: 0n, chunks: [] };
      assert.equal((await codeOf(as.archive.putDownloadManifestByStoreKey(stolen)))[0], Code.FailedPrecondition);
      await archives.under.as.archiveStore.revokeUpload({ grant });
      assert.equal((await upload())[0], Code.PermissionDenied);
      const { org } = await archives.under.as.org.create({ name: "Foreign" });
      const foreign = manifestStream(storeKey, 2n, { chunks: 0 }, [], org?.orgId ?? "");
      assert.equal((await codeOf(as.archiveStore.putManifest(foreign)))[0], Code.PermissionDenied);
    });

    test("content-addressed: what a published version has is not uploaded again, nor ever replaced", async () => {
      const storeKey = "chain-cas-main-full-v1";
      const archive = byKey(storeKey);
      const [kept, old, fresh] = [randomBytes(40_000), randomBytes(30_000), randomBytes(20_000)];
      const publish = async (contents: readonly Uint8Array[]) => {
        const ids = contents.map((bytes) => sha256(bytes));
        const { chunks: stored } = await as.archiveStore.getStoredChunks({ archive, ids });
        const { dataVersion, slots } = await as.archiveStore.getSlots({
          archive,
          slots: [
            ...contents.map((bytes, index) => ({
              object: { case: "chunkId" as const, value: first(ids.slice(index)) },
              size: BigInt(bytes.length),
              sha256: sha256(bytes),
            })),
            { object: { case: "files" as const, value: true } },
          ],
        });
        const files = Buffer.from(JSON.stringify({ version: String(dataVersion) }));
        const sent = [];
        for (const [index, { url, headers, stored: known, key }] of slots.entries()) {
          if (known !== undefined) continue;
          const bytes = contents[index] ?? files;
          const put = await putObject(url, bytes, headers);
          assert.equal(put.status, 200, put.text);
          sent.push(key);
        }
        const summary = {
          totalSize: totalOf(contents),
          chunks: contents.length,
          layout: Layout.CAS,
          format: 2,
          requires: ["links"],
          files: { size: BigInt(files.length), sha256: sha256(files) },
          source: { client: "reth" },
        };
        const chunks = chunksOf(contents).map((chunk, index) => ({ chunk, id: first(ids.slice(index)) }));
        await as.archiveStore.putManifest(manifestStream(storeKey, dataVersion, summary, chunks));
        return { stored: stored.length, sent: sent.length, slots };
      };
      const once = await publish([kept, old]);
      assert.deepEqual([once.stored, once.sent], [0, 3]);
      const twice = await publish([kept, fresh]);
      assert.deepEqual([twice.stored, twice.sent], [1, 2]);
      assert.deepEqual(first(twice.slots).stored?.size, 40_000n);
      if (name.includes("directory")) assert.equal((await putObject(first(once.slots).url, kept)).status, 409);
      assert.deepEqual(await downloadByReference(as, storeKey, 1n), Buffer.concat([kept, old]));
      assert.deepEqual(await downloadByReference(as, storeKey), Buffer.concat([kept, fresh]));

      const manifest = await as.archiveStore.getManifest({ archive });
      assert.deepEqual(
        [manifest.dataVersion, manifest.summary?.layout, manifest.summary?.requires, manifest.summary?.source],
        [2n, Layout.CAS, ["links"], { client: "reth" }],
      );
      assert.equal(await (await fetch(manifest.filesUrl ?? "")).text(), '{"version":"2"}');
      const { chunks } = await as.archiveStore.getChunks({ archive, dataVersion: 2n, first: 1, count: 1000 });
      assert.deepEqual(
        chunks.map(({ chunk, id }) => [chunk?.index, chunk?.url, id]),
        [[1, undefined, sha256(fresh)]],
      );
      if (name.includes("directory")) {
        const object = path.join(archives.under.dataDir, "archives", "objects", first(twice.slots.slice(1)).key);
        await rm(object);
        const healed = await publish([fresh]);
        assert.deepEqual([healed.stored, healed.sent], [1, 2], "known, but asked for again when it is to be sent");
        assert.deepEqual(await downloadByReference(as, storeKey), fresh);
        await archives.under.as.archiveStore.deprecateVersion({ storeKey, dataVersion: 3n, deprecated: true });
      }
      // Another archive knows nothing of it.
      const { chunks: elsewhere } = await as.archiveStore.getStoredChunks({
        archive: byKey("chain-other-v1"),
        ids: [sha256(kept)],
      });
      assert.deepEqual(elsewhere, []);

      const listed = await as.archiveStore.listArchives({ storeKey });
      assert.deepEqual(
        listed.archives.map(({ storedSize, versions }) => [
          storedSize,
          versions.map(({ dataVersion, state, totalSize, storedSize: size }) => [dataVersion, state, totalSize, size]),
        ]),
        [
          [
            90_000n,
            [
              [1n, VersionState.READY, 70_000n, 70_015n],
              [2n, VersionState.READY, 60_000n, 60_015n],
            ],
          ],
        ],
      );
    });

    test("a chunk of very many small files is published and handed out", async () => {
      const storeKey = "chain-small-main-full-v1";
      const archive = byKey(storeKey);
      const files = 60_000;
      const data = randomBytes(files);
      const { dataVersion, slots } = await as.archiveStore.getSlots({
        archive,
        slots: [{ object: { case: "index", value: 0 } }],
      });
      await putObject(first(slots).url, data);
      const destinations = Array.from({ length: files }, (_, index) => ({
        path: `chaindata/blocks/with-a-rather-long-name-of-a-folder/${String(index).padStart(12, "0")}.block`,
        positionBytes: 0n,
        sizeBytes: 1n,
      }));
      const chunk = { ...first(chunksOf([data])), destinations };
      const summary = { totalSize: BigInt(files), chunks: 1 };
      await as.archiveStore.putManifest(manifestStream(storeKey, dataVersion, summary, [{ chunk }]));
      const { chunks } = await as.archiveStore.getChunks({ archive, dataVersion, indexes: [0], urls: true });
      assert.equal(first(chunks).chunk?.destinations.length, files);
      assert.equal(first(chunks).chunk?.destinations.at(-1)?.path, destinations.at(-1)?.path);
    });

    test("a deprecated version is not the newest any more", async () => {
      const storeKey = "chain-old-main-full-v1";
      await uploadByReference(as, storeKey, pieces(1));
      await uploadByReference(as, storeKey, pieces(2));
      const newest = async () => (await as.archive.getDownloadMetadataByStoreKey({ storeKey })).dataVersion;
      const set = (deprecated: boolean) =>
        archives.under.as.archiveStore.deprecateVersion({ storeKey, dataVersion: 2n, deprecated });
      await set(true);
      assert.equal(await newest(), 1n);
      assert.equal((await downloadByReference(as, storeKey, 2n)).length, 120_032);
      await set(false);
      assert.equal(await newest(), 2n);
    });
  });
}

test("what goes wrong inside is not told, in a stream either", async () => {
  const archives = await startArchives({});
  try {
    const { as } = archives.host;
    await as.archive.getUploadSlotsByStoreKey({ storeKey: "chain-inside-v1" });
    const folder = path.join(archives.under.dataDir, "archives");
    await rm(folder, { recursive: true });
    await writeFile(folder, "no folder any more");
    const manifest = manifestStream("chain-inside-v1", 1n, { chunks: 0 }, []);
    assert.deepEqual(await codeOf(as.archiveStore.putManifest(manifest)), [Code.Internal, "Internal error."]);
  } finally {
    await archives.close();
  }
});

describe("where urls lead", () => {
  const originOf = async (options: Parameters<typeof startArchives>[0]) => {
    const archives = await startArchives(options);
    try {
      const { slots } = await archives.host.as.archive.getUploadSlotsByStoreKey({
        storeKey: "chain-url-main-v1",
        slotIndexes: [0],
      });
      const { port } = new URL(archives.under.api.url);
      return new URL(first(slots).url).origin.replace(port, "PORT");
    } finally {
      await archives.close();
    }
  };

  test("to where the request came from, unless the operator knows better", async () => {
    assert.equal(await originOf({}), "http://127.0.0.1:PORT");
    assert.equal(await originOf({ publicUrl: "https://api.example/" }), "https://api.example");
  });

  test("to the host's own address when this process listens on every interface of its machine", async () => {
    assert.equal(await originOf({ host: "0.0.0.0" }), "http://10.9.0.1:PORT");
  });
});
