import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { planParts } from "./blueprint.ts";
import { ChunkList } from "./chunk-list.ts";
import { checkCoverage } from "./coverage.ts";
import { partsLayout } from "./parts-layout.ts";
import { cutPieces } from "./pieces.ts";
import { type Blueprint, replanParts } from "./replan.ts";
import { type SourceFile, SourceFiles } from "./source-files.ts";
import { stampOf } from "./stamp.ts";

const MIB = 1024 * 1024;
const file = (path: string, size: number, change = 0): SourceFile => ({
  path,
  size,
  stamp: stampOf({ size: BigInt(size), ino: 0n, mtimeNs: 0n, ctimeNs: BigInt(change) }),
  mode: 0o644,
});

/** Chunks as text, independent of where files are in the list. */
const shown = ({ files, chunks }: Blueprint) =>
  rangesOf(chunks).map((ranges) =>
    ranges.map(({ file, position, size }) => `${shownFile(files, file)} ${position}+${size}`).join(),
  );

const rangesOf = (chunks: ChunkList) => Array.from({ length: chunks.length }, (_, chunk) => [...chunks.ranges(chunk)]);
const shownFile = (files: SourceFiles, file: number): string =>
  `${files.path(file)}@${files.size(file)}.${Number(`0x${files.stamp(file).split(".")[3]}`)}`;
const planned = (files: readonly SourceFile[], count?: number): Blueprint => {
  const all = SourceFiles.of(files);
  return { files: all, chunks: planParts(all, count) };
};

function assertCovered({ files, chunks }: Blueprint): void {
  const ranges = rangesOf(chunks)
    .flat()
    .toSorted((a, b) => a.file - b.file || a.position - b.position);
  const covered = Array.from(files, () => -1);
  for (const { file, position, size } of ranges) {
    assert.equal(position, Math.max(covered[file]!, 0));
    covered[file] = position + size;
  }
  assert.deepEqual(
    covered,
    Array.from(files, ({ size }) => size),
  );
  assert.ok(rangesOf(chunks).every((each) => each.length > 0));
  checkCoverage({ files, chunks });
}

test("a plan that leaves something out, or has something twice, is never published", () => {
  const files = SourceFiles.of([file("a", 10), file("b", 0), file("c", 5)]);
  const refused: readonly (readonly [reason: string, ...ranges: (readonly [number, number, number])[]])[] = [
    ['file "b" is missing', [0, 0, 10], [2, 0, 5]],
    ['file "c" is missing', [0, 0, 10], [1, 0, 0]],
    ['file "a" is in it twice', [0, 0, 10], [0, 0, 10], [1, 0, 0], [2, 0, 5]],
    ['file "b" is in it twice', [0, 0, 10], [1, 0, 0], [1, 0, 0], [2, 0, 5]],
    ['file "a" has a gap, or comes twice, at byte 5', [0, 5, 5], [1, 0, 0], [2, 0, 5]],
    ['file "a" has a gap, or comes twice, at byte 4', [0, 0, 5], [0, 4, 6], [1, 0, 0], [2, 0, 5]],
    ['file "a" has a gap, or comes twice, at byte 0', [0, 0, 10], [0, 0, 4], [1, 0, 0], [2, 0, 5]],
    ['file "a" ends at byte 9', [0, 4, 5], [0, 0, 4], [1, 0, 0], [2, 0, 5]],
    ['file "c" is in it twice', [0, 0, 10], [1, 0, 0], [2, 0, 6]],
  ];
  for (const [reason, ...ranges] of refused) {
    const chunks = new ChunkList();
    for (const [file, position, size] of ranges) chunks.add({ file, position, size });
    chunks.endChunk();
    assert.throws(() => checkCoverage({ files, chunks }), { message: `invalid manifest: ${reason}` });
  }
});

test("only chunks that a change touches are planned anew", () => {
  const files = [file("a", 10), file("b", 100), file("c", 10), file("d", 100)];
  const before = planned(files, 4);
  assert.deepEqual(shown(before), [
    "d@100.0 0+55",
    "d@100.0 55+45,c@10.0 0+10",
    "b@100.0 0+55",
    "b@100.0 55+45,a@10.0 0+10",
  ]);
  const after = replanParts(before, SourceFiles.of([file("b", 100), file("c", 14, 1), file("d", 100), file("e", 3)]));
  assert.deepEqual(shown(after), [
    "d@100.0 0+55",
    "d@100.0 55+45,c@14.1 0+14",
    "b@100.0 0+55",
    "b@100.0 55+45",
    "e@3.0 0+3",
  ]);
  assert.deepEqual(shown(replanParts(before, SourceFiles.of([file("b", 100)]))), ["b@100.0 55+45", "b@100.0 0+55"]);
  assert.deepEqual(shown(replanParts(before, SourceFiles.of([]))), []);
});

test("whatever changes, every byte is in exactly one chunk, and chunks without a change stay as they are", () => {
  const sizes = fc.array(fc.nat(300), { minLength: 1, maxLength: 20 });
  const change = fc.record({ at: fc.nat(19), size: fc.option(fc.nat(600)) });
  fc.assert(
    fc.property(
      sizes,
      fc.integer({ min: 1, max: 12 }),
      fc.array(change, { maxLength: 8 }),
      (initial, count, changes) => {
        const files = initial.map((size, i) => file(`f${String(i).padStart(2, "0")}`, size));
        const before = planned(files, count);
        const now = new Map(files.map((each) => [each.path, each]));
        for (const { at, size } of changes) {
          const path = `f${String(at).padStart(2, "0")}`;
          if (size === null) now.delete(path);
          else now.set(path, file(path, size, 1));
        }
        const sorted = [...now.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
        const after = replanParts(before, SourceFiles.of(sorted));
        assertCovered(after);
        const unchanged = new Set(sorted.filter((each) => files.includes(each)).map(({ path }) => path));
        const afterwards = new Set(shown(after));
        rangesOf(before.chunks).forEach((ranges, i) => {
          if (ranges.every((range) => unchanged.has(files[range.file]!.path)))
            assert.ok(afterwards.has(shown(before)[i]!));
        });
      },
    ),
  );
});

test("a file that grew a lot continues in chunks of its own", () => {
  const after = replanParts(planned([file("log", 10)]), SourceFiles.of([file("log", 100 * MIB, 1)]));
  assert.deepEqual(shown(after), [
    `log@${100 * MIB}.1 0+${64 * MIB + 10}`,
    `log@${100 * MIB}.1 ${64 * MIB + 10}+${36 * MIB - 10}`,
  ]);
});

test("no chunk becomes larger than what a store takes, whatever number of them is asked for, and whatever grows", () => {
  const names = ["a", "b", "c"];
  const files = SourceFiles.of(names.map((name) => file(name, 30)));
  const one = { files, chunks: planParts(files, 1, 100) };
  assert.deepEqual(shown(one), ["c@30.0 0+30,b@30.0 0+30,a@30.0 0+30"]);
  const grown = replanParts(one, SourceFiles.of(names.map((name) => file(name, 90, 1))), 100);
  checkCoverage(grown);
  const sizesOf = ({ chunks }: Blueprint) => Array.from({ length: chunks.length }, (_, chunk) => chunks.sizeOf(chunk));
  assert.deepEqual(sizesOf(grown), [100, 85, 85]);
  const large = SourceFiles.of([file("x", 6 * 1024 * MIB), file("y", 7 * 1024 * MIB)]);
  const limit = 5 * 1024 * MIB;
  const sizes = sizesOf({ files: large, chunks: partsLayout(1).plan(large, limit) });
  assert.ok(sizes.length === 3 && sizes.every((size) => size < limit), `${sizes}`);
});

test("pieces depend on nothing but their surroundings: a change shifts only the packs around it", () => {
  const small = Array.from({ length: 5000 }, (_, i) => file(`db/${String(i).padStart(5, "0")}.sst`, 1000 + i));
  const big = [file("chain.dat", 600 * MIB), file("mdbx.dat", 70 * MIB)];
  const all = [...big, ...small].sort((a, b) => (a.path < b.path ? -1 : 1));
  const cut = (files: readonly SourceFile[]): Blueprint => {
    const all = SourceFiles.of(files);
    return { files: all, chunks: cutPieces(all) };
  };
  const pieces = (files: readonly SourceFile[]) => shown(cut(files));
  const before = pieces(all);
  assertCovered(cut(all));
  assert.deepEqual(
    before.filter((each) => /chain|mdbx/.test(each)).map((each) => each.split(" ")[1]),
    [
      ...[`0+${256 * MIB}`, `${256 * MIB}+${256 * MIB}`, `${512 * MIB}+${88 * MIB}`],
      ...[`0+${32 * MIB}`, `${32 * MIB}+${32 * MIB}`, `${64 * MIB}+${6 * MIB}`],
    ],
  );
  const changed = all.filter(({ path }) => path !== "db/02500.sst").concat(file("db/00077a.sst", 5));
  const after = pieces(changed.sort((a, b) => (a.path < b.path ? -1 : 1)));
  const fresh = after.filter((each) => !before.includes(each));
  assert.ok(before.length > 40 && fresh.length <= 2, `${fresh.length} of ${after.length} pieces are new`);
});
