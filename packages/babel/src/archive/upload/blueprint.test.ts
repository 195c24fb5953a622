import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fillChunks, planParts } from "./blueprint.ts";
import type { ChunkList, Sized } from "./chunk-list.ts";

type Named = { readonly name: string; readonly size: number };
const sized = (files: readonly { readonly size: number }[]): Sized => ({
  length: files.length,
  size: (file) => files[file]!.size,
});
const rangesOf = (chunks: ChunkList) => Array.from({ length: chunks.length }, (_, chunk) => [...chunks.ranges(chunk)]);
const shown = (files: readonly Named[], plan: (files: Sized) => ChunkList) =>
  rangesOf(plan(sized(files))).map((ranges) =>
    ranges.map(({ file, position, size }) => {
      const { name, size: whole } = files[file]!;
      return size === whole ? name : `${name} ${position}-${position + size}`;
    }),
  );
const files = (sizes: Readonly<Record<string, number>>): readonly Named[] =>
  Object.entries(sizes).map(([name, size]) => ({ name, size }));

test("the reference's worked examples come out exactly (T-01, T-02)", () => {
  const sources = files({ a: 7, "d1/b": 9, "d1/d2/c": 3, empty_file: 0, x: 256 });
  assert.deepEqual(
    shown(sources, (files) => planParts(files, 3)),
    [["x 0-91"], ["x 91-182"], ["x 182-256", "empty_file", "d1/d2/c", "d1/b", "a"]],
  );
  assert.deepEqual(
    shown(sources, (files) => planParts(files, 2)),
    [["x 0-137"], ["x 137-256", "empty_file", "d1/d2/c", "d1/b", "a"]],
  );
  const descending = files({ f: 0, e: 77, d: 2048, c: 512, b: 0, a: 0 });
  assert.deepEqual(
    shown(descending, (files) => fillChunks(files, [1024, 1536, 1024])),
    [["a", "b", "c", "d 0-512"], ["d 512-2048"], ["e", "f"]],
  );
});

test("edges: no files, only empty files, fewer bytes than chunks, the default number of chunks", () => {
  assert.equal(planParts(sized([])).length, 0);
  assert.throws(() => planParts(sized([]), 0), { message: "invalid number of chunks - need at leas one" });
  const empty = files({ a: 0, b: 0 });
  assert.deepEqual(
    shown(empty, (files) => planParts(files, 4)),
    [["b", "a"]],
  );
  const tiny = files({ a: 1, b: 2 });
  assert.deepEqual(
    shown(tiny, (files) => planParts(files, 9)),
    [["b", "a"]],
  );
  const big = files({ a: 1_200_000_001 });
  const parts = planParts(sized(big));
  assert.deepEqual(
    [0, 1, 2].map((chunk) => parts.sizeOf(chunk)),
    [400_000_000, 400_000_000, 400_000_001],
  );
  assert.equal(parts.length, 3);
  const many = planParts({ length: 12_000, size: () => 1 });
  assert.deepEqual(
    [0, 1, 2].map((chunk) => many.count(chunk)),
    [5000, 5000, 2000],
  );
});

test("whatever the sizes, every byte is in exactly one chunk", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1000), { maxLength: 40 }), fc.integer({ min: 1, max: 30 }), (sizes, count) => {
      const sources = sizes.map((size) => ({ size }));
      const chunks = rangesOf(planParts(sized(sources), count));
      const covered = sizes.map(() => 0);
      const named = new Set<number>();
      for (const { file, position, size } of chunks.flat()) {
        assert.equal(position, covered[file]);
        covered[file]! += size;
        named.add(file);
      }
      assert.deepEqual(covered, sizes);
      assert.equal(named.size, sizes.length);
      assert.ok(chunks.length <= count && chunks.every((ranges) => ranges.length > 0));
    }),
  );
});
