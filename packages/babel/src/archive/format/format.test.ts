import assert from "node:assert/strict";
import { test } from "node:test";
import { ArchiveChunkSchema } from "@blockvisor/wire/blockjoy/v1/archive";
import { ChunkSchema, ManifestSummarySchema } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Chunk, Header } from "./chunk.ts";
import { hashOf } from "./hash.ts";
import { bodyFromJson, bodyToJson, chunkFromJson, headerFromJson, headerToJson } from "./manifest-json.ts";
import { linkFault, pathFault } from "./path.ts";
import { ManifestCheck } from "./sanity.ts";
import {
  chunkFromReference,
  chunkFromWire,
  chunkToReference,
  chunkToWire,
  headerFromWire,
  headerToWire,
} from "./wire.ts";

const checksum = { algorithm: "sha256", hex: "ab".repeat(32) } as const;
const chunk = (index: number, ...destinations: (readonly [string, number, number])[]): Chunk => ({
  index,
  key: `k/1/data.part_${index}`,
  checksum,
  size: destinations.some(([, , size]) => size > 0) ? 10 : 0,
  destinations: destinations.map(([path, pos, size]) => ({ path, pos, size })),
});
const header = (totalSize: number, chunks: number): Header => ({
  totalSize,
  chunks,
  compression: { codec: "zstd", level: 3 },
});

function checkManifest(header: Header, chunks: readonly Chunk[]): void {
  const check = new ManifestCheck(header);
  for (const chunk of chunks) check.add(chunk);
  check.finish((range) => chunks.flatMap(({ destinations }) => destinations)[range]?.path ?? "");
}

test("archives of the reference are read as they lie in a store and in state files", () => {
  const bytes = Array.from({ length: 32 }, (_, index) => index);
  const hex = Buffer.from(bytes).toString("hex");
  const destinations = [{ path: "db/mdbx.dat", pos: 3_500_000_000, size: 500_000_000 }];
  const expected = { index: 7, key: "s/3/data.part_7", checksum: { algorithm: "blake3", hex }, size: 91, destinations };
  const stored = { key: "s/3/data.part_7", url: "", checksum: { blake3: bytes }, size: 91 };
  const line = { index: 7, ...stored, url: null, destinations };
  const inBody = {
    ...stored,
    index: null,
    destinations: [{ path: "db/mdbx.dat", position: 3_500_000_000, size: 500_000_000 }],
  };
  assert.deepEqual(chunkFromJson(line, 0), expected);
  assert.deepEqual(bodyFromJson({ chunks: [inBody] }), [{ ...expected, index: 0 }]);
  assert.deepEqual(headerFromJson({ total_size: 275, compression: { ZSTD: 3 }, chunks: 3 }), header(275, 3));
  assert.deepEqual(headerFromJson({ total_size: 1, compression: null, chunks: 1 }).compression, { codec: "none" });
  assert.throws(() => chunkFromJson({ ...line, checksum: { md5: bytes } }, 7), {
    message: "invalid manifest: chunk 7 has a checksum of an unknown type",
  });
  assert.throws(
    () => headerFromJson({ total_size: 1, compression: { LZ4: 1 }, chunks: 1 }),
    /compression of an unknown type/,
  );
});

test("what is written comes back, as JSON and as messages", () => {
  const chunks = [
    chunk(0, ["a", 0, 5], ["e", 0, 0]),
    { ...chunk(1, ["a", 5, 7]), id: "cd".repeat(32), codec: "none" as const },
  ];
  const full: Header = {
    ...header(12, 2),
    layout: "cas",
    format: 2,
    requires: [],
    files: { size: 3, sha256: "ef".repeat(32), codec: "zstd" },
    parentDataVersion: 4,
    source: { client: "reth" },
    chunksDigest: "12".repeat(32),
  };
  assert.deepEqual(bodyFromJson(JSON.parse(JSON.stringify(bodyToJson(chunks)))), chunks);
  assert.deepEqual({ ...headerFromJson(JSON.parse(JSON.stringify(headerToJson(full)))), requires: [] }, full);
  assert.deepEqual(headerToJson(header(12, 2)), { total_size: 12, compression: { ZSTD: 3 }, chunks: 2 });
  const overWire = (each: Chunk) =>
    chunkFromWire(fromBinary(ChunkSchema, toBinary(ChunkSchema, create(ChunkSchema, chunkToWire(each)))));
  assert.deepEqual(chunks.map(overWire), chunks);
  assert.deepEqual(chunkFromReference(create(ArchiveChunkSchema, chunkToReference(chunks[0]!))), chunks[0]);
  assert.deepEqual(headerFromWire(create(ManifestSummarySchema, headerToWire(full))), full);
});

test("a manifest that cannot be right is refused with the reason", () => {
  const refused: readonly (readonly [string, Header, readonly Chunk[]])[] = [
    ["destinations have 12 bytes, but the total size is 13", header(13, 1), [chunk(0, ["a", 0, 12])]],
    ["1 chunks came of 2", header(12, 2), [chunk(0, ["a", 0, 12])]],
    ["chunk 0 comes twice", header(12, 2), [chunk(0, ["a", 0, 6]), chunk(0, ["b", 0, 6])]],
    ["chunk index 2, but there are 2 chunks", header(12, 2), [chunk(2, ["a", 0, 6])]],
    ['file "a" has a gap at byte 5', header(11, 2), [chunk(0, ["a", 0, 5]), chunk(1, ["a", 6, 6])]],
    ['file "b" has a gap at byte 0', header(11, 2), [chunk(0, ["a", 0, 5]), chunk(1, ["b", 6, 6])]],
    ['file "a" is written twice at byte 4', header(11, 2), [chunk(0, ["a", 0, 5]), chunk(1, ["a", 4, 6])]],
    ['file "a" is written twice at byte 0', header(5, 2), [chunk(0, ["a", 0, 5]), chunk(1, ["a", 0, 0])]],
    ['file "a" is written twice at byte 0', header(0, 1), [chunk(0, ["a", 0, 0], ["a", 0, 0])]],
    ["chunk 0 has no destination", header(0, 1), [chunk(0)]],
    ["chunk 0 has no stored bytes, but 3 bytes of destinations", header(3, 1), [{ ...chunk(0, ["a", 0, 3]), size: 0 }]],
    ["chunk 0 has 9 stored bytes, but empty destinations", header(0, 1), [{ ...chunk(0, ["a", 0, 0]), size: 9 }]],
    [
      "chunk 0 has a malformed sha256 checksum",
      header(3, 1),
      [{ ...chunk(0, ["a", 0, 3]), checksum: { algorithm: "sha256", hex: "ab" } }],
    ],
    ["path \"../x\" has a component '..'", header(3, 1), [chunk(0, ["../x", 0, 3])]],
    ["it requires 'holes', which this version of babel does not know", { ...header(0, 0), requires: ["holes"] }, []],
  ];
  for (const [reason, head, chunks] of refused) {
    assert.throws(() => checkManifest(head, chunks), { message: `invalid manifest: ${reason}` });
  }
  checkManifest(header(0, 0), []);
  checkManifest(header(12, 2), [chunk(1, ["a", 5, 7]), chunk(0, ["b", 0, 0], ["a", 0, 5])]);
});

test("paths and link targets stay inside", () => {
  for (const path of ["a", "a/b", "...", "a b", "é/ü", "x".repeat(255), ".babel_jobs2", "a/.babel_jobs"]) {
    assert.equal(pathFault(path), undefined, path);
  }
  const bad = [
    "",
    "/etc/x",
    "..",
    "a/../b",
    "a//b",
    "a/",
    "./a",
    "a\0b",
    "x".repeat(256),
    "a/".repeat(2048).concat("a"),
    ".babel_jobs/x",
  ];
  for (const path of [...bad, ".protocol_data.lock", "\ud800"])
    assert.notEqual(pathFault(path), undefined, JSON.stringify(path));
  for (const target of ["b", "../b", "./c/../../d"]) assert.equal(linkFault("a/l", target), undefined, target);
  for (const target of ["", "/b", "../../b", "b/../../../c"])
    assert.notEqual(linkFault("a/l", target), undefined, target);
});

test("hashes have the values of the published vectors", async () => {
  const x = Buffer.alloc(91, "x");
  assert.equal(await hashOf("blake3", x), "77af090491da758bf548420cfcf45f1dc697660414e5cd375ac289a76736bb2b");
  assert.equal((await hashOf("blake3", Buffer.of())).slice(0, 32), "af1349b9f5f9a1a6a0404dea36dcc949");
  assert.equal(await hashOf("sha1", Buffer.from("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  assert.equal(await hashOf("sha256", Buffer.from("abc")), abc);
});
