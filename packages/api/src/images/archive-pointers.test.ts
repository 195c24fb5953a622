import assert from "node:assert/strict";
import { test } from "node:test";
import { type ArchivePointer, ArchivePointerSchema } from "@blockvisor/wire/blockjoy/v1/image";
import { create } from "@bufbuild/protobuf";
import { type ArchiveProperty, archivesOf } from "./archive-pointers.ts";

const property = (key: string, key_group: string | null = null): ArchiveProperty => ({
  key,
  key_group,
  new_archive: true,
});
const pointer = (keys: readonly string[], storeKey?: string): ArchivePointer =>
  create(ArchivePointerSchema, {
    newArchiveKeys: [...keys],
    pointer: storeKey === undefined ? { case: "disallowed", value: {} } : { case: "storeKey", value: storeKey },
  });
const archives = (properties: readonly ArchiveProperty[], ...pointers: ArchivePointer[]) =>
  archivesOf(properties, pointers, "chain-variant").map(({ keys, storeKey }) => [keys.join(","), storeKey]);

test("every combination is given once; disallowed ones make no archive", () => {
  const [pruned, sepolia] = [property("pruned-on", "pruned"), property("net-sepolia", "net")];
  assert.deepEqual(
    archives(
      [pruned, sepolia],
      pointer([], "store-base"),
      pointer(["pruned-on"], "store-pruned"),
      pointer(["net-sepolia"], "store-sepolia"),
      pointer(["pruned-on", "net-sepolia"]),
    ),
    [
      ["", "store-base"],
      ["pruned-on", "store-pruned"],
      ["net-sepolia", "store-sepolia"],
    ],
  );
});

test("without pointers and without such properties there is one archive of the variant", () => {
  assert.deepEqual(archives([]), [["", "chain-variant"]]);
});

test("two members of one group at once need no pointer, but may have one", () => {
  const [on, off] = [property("x-on", "x"), property("x-off", "x")];
  const needed = [pointer([], "store-0"), pointer(["x-on"], "store-1"), pointer(["x-off"], "store-2")];
  assert.equal(archives([on, off], ...needed).length, 3);
  assert.equal(archives([on, off], ...needed, pointer(["x-on", "x-off"])).length, 3);
});

test("each mistake has its sentence", () => {
  const properties = [property("aaa"), property("bbb")];
  const all = [[], ["aaa"], ["bbb"], ["aaa", "bbb"]].map((keys) => pointer(keys, "store-key"));
  const fails = (message: RegExp, ...pointers: ArchivePointer[]) =>
    assert.throws(() => archives(properties, ...pointers), message);
  fails(/\[invalid_argument\] missing archive_pointer key: ccc$/, ...all, pointer(["ccc"], "store-key"));
  fails(/\[invalid_argument\] invalid archive_pointer key combo: aaa$/, ...all, pointer(["aaa"], "store-key"));
  fails(/\[invalid_argument\] missing archive_pointer key combos: \(none\); aaa,bbb$/, ...all.slice(1, 3));
  fails(/\[invalid_argument\] archive_pointer\.pointer$/, create(ArchivePointerSchema, { newArchiveKeys: [] }));
  fails(
    /\[invalid_argument\] store_key: 'short' is not 6 to 128 characters of a-z, 0-9 and '-'$/,
    pointer([], "short"),
  );
});

test("combinations cannot explode", () => {
  const properties = Array.from({ length: 30 }, (_, index) => property(`key-${index}`));
  assert.throws(
    () => archives(properties),
    /\[failed_precondition\] new_archive properties make more than 256 combinations/,
  );
});
