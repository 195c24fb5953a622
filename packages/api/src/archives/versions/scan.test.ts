import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { archiveKeys } from "../manifest/archive-keys.ts";
import { writeBody, writeHeader } from "../manifest/manifest-json.ts";
import { openWorkshop, ownerNamed, type Workshop } from "../testing/workshop.ts";
import { findVersion } from "./find-version.ts";
import { publish } from "./publish.ts";
import { scan } from "./scan.ts";

const bytes = (length: number, value: number) => Array.from({ length }, () => value);

/** A body as each generation of the reference, and its documentation, writes it (babel-agent §6.4, Appendix A). */
const referenceBody = (storeKey: string) => ({
  chunks: [
    {
      index: 0,
      key: `${storeKey}/3/data.part_0`,
      url: null,
      checksum: { blake3: bytes(32, 7) },
      size: 91,
      destinations: [{ path: "db/mdbx.dat", position: 0, size: 500 }],
    },
    {
      index: null,
      key: `${storeKey}/3/data.part_1`,
      url: "",
      checksum: { sha1: bytes(20, 8) },
      size: 92,
      destinations: [{ path: "db/mdbx.dat", pos: 500, size: 100 }],
    },
    {
      key: `${storeKey}/3/data.part_2`,
      checksum: { sha256: "09".repeat(32) },
      size: 93,
      destinations: [
        { path: "empty_file", pos: 0, size: 0 },
        { path: "d1/b", pos: 0, size: 9 },
      ],
    },
  ],
});

describe("archives that others have published", () => {
  let workshop: Workshop;
  before(async () => {
    workshop = await openWorkshop();
  });
  after(() => workshop.close());

  const put = (key: string, content: object | string) =>
    workshop.objects.put(key, Buffer.from(typeof content === "string" ? content : JSON.stringify(content)));
  const find = (storeKey: string, version?: bigint) => findVersion(workshop.db, workshop.objects, storeKey, version);
  const header = { total_size: 609, compression: { ZSTD: 3 }, chunks: 3 };

  test("versions are found in the store, with every way of writing a chunk", async () => {
    const storeKey = "ethereum-reth-mainnet-full-v1";
    await put(archiveKeys.header(storeKey, 3n), header);
    await put(archiveKeys.body(storeKey, 3n), referenceBody(storeKey));
    // None of these is a version: no body, no header, no manifest, no number.
    await put(archiveKeys.header(storeKey, 4n), header);
    await put(archiveKeys.body(storeKey, 5n), referenceBody(storeKey));
    await put(archiveKeys.header(storeKey, 6n), "not a manifest");
    await put(archiveKeys.body(storeKey, 6n), referenceBody(storeKey));
    await put(`${storeKey}/07/manifest-header.json`, header);
    await put(`${storeKey}/8/.lock`, "");
    const { version, summary } = await find(storeKey);
    assert.deepEqual(
      [version, summary],
      [3n, { totalSize: 609, zstd: 3, chunks: 3, layout: "parts", format: 1, requires: [], source: {} }],
    );
    const chunks = await workshop.platform().manifests.chunks(storeKey, 3n);
    assert.deepEqual(
      chunks.map(({ key, checksum, size, destinations }) => ({ key, checksum, size, destinations })),
      [
        {
          key: `${storeKey}/3/data.part_0`,
          checksum: { kind: "blake3", value: "07".repeat(32) },
          size: 91,
          destinations: [{ path: "db/mdbx.dat", position: 0, size: 500 }],
        },
        {
          key: `${storeKey}/3/data.part_1`,
          checksum: { kind: "sha1", value: "08".repeat(20) },
          size: 92,
          destinations: [{ path: "db/mdbx.dat", position: 500, size: 100 }],
        },
        {
          key: `${storeKey}/3/data.part_2`,
          checksum: { kind: "sha256", value: "09".repeat(32) },
          size: 93,
          destinations: [
            { path: "empty_file", position: 0, size: 0 },
            { path: "d1/b", position: 0, size: 9 },
          ],
        },
      ],
    );
  });

  test("the next version comes after those that others have published; a later scan finds further ones", async () => {
    const storeKey = "shared-bucket-v1";
    await put(archiveKeys.header(storeKey, 3n), header);
    await put(archiveKeys.body(storeKey, 3n), referenceBody(storeKey));
    const { version, manifest } = await workshop.prepare(storeKey, "ours");
    assert.equal(version, 4n);
    await publish(workshop.platform(), { storeKey, version, owner: ownerNamed(1), manifest });
    await put(archiveKeys.header(storeKey, 5n), header);
    await put(archiveKeys.body(storeKey, 5n), referenceBody(storeKey));
    assert.equal((await find(storeKey)).version, 4n);
    assert.deepEqual(await scan(workshop.db, workshop.objects, storeKey), [5n]);
    assert.equal((await find(storeKey)).version, 5n);
  });

  test("a manifest that names objects of somebody else is not served", async () => {
    for (const [index, key] of ["other-archive-v1/1/data.part_0", "../x", "foreign-v1-0/2/data.part_0"].entries()) {
      const storeKey = `foreign-v1-${index}`;
      await put(archiveKeys.header(storeKey, 3n), header);
      const [first] = referenceBody(storeKey).chunks;
      await put(archiveKeys.body(storeKey, 3n), { chunks: [{ ...first, key }] });
      await find(storeKey);
      const reading = workshop.platform().manifests.chunks(storeKey, 3n);
      await assert.rejects(reading, /\[data_loss\] .*chunk 0 names an object of something else/);
    }
  });

  test("asking for what nobody has leaves no trace", async () => {
    await assert.rejects(find("never-heard-of-v1"), /Store not found/);
    const rows = await workshop.db
      .selectFrom("archive_stores")
      .select("store_key")
      .where("store_key", "=", "never-heard-of-v1")
      .execute();
    assert.deepEqual(rows, []);
  });

  test("what is written here is what the reference reads", async () => {
    const { version, manifest } = await workshop.prepare("written-here-v1", "data");
    assert.equal(String(writeHeader(manifest.summary)), '{"total_size":4,"compression":null,"chunks":1}');
    assert.equal(
      String(writeHeader({ ...manifest.summary, zstd: 3 })),
      '{"total_size":4,"compression":{"ZSTD":3},"chunks":1}',
    );
    const value = Buffer.from(manifest.chunks[0]?.checksum.value ?? "", "hex");
    assert.deepEqual(JSON.parse(String(writeBody(manifest.chunks))), {
      chunks: [
        {
          index: 0,
          key: `written-here-v1/${version}/data.part_0`,
          url: null,
          checksum: { sha256: [...value] },
          size: 4,
          destinations: [{ path: "chaindata/000001.sst", position: 0, size: 4 }],
        },
      ],
    });
  });
});
