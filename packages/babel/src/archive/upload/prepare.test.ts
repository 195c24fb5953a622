import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Prepared, prepareChunk } from "./prepare.ts";
import { stampOf } from "./stamp.ts";

const MIB = 1024 * 1024;

/** Rows of 64 bytes as in the pages of a database: a value that is random, and a key that resembles the others. */
function databasePages(bytes: number): Buffer {
  const pages = Buffer.alloc(bytes);
  const values = randomBytes((bytes / 64) * 20);
  for (let row = 0; row * 64 < bytes; row += 1) {
    values.copy(pages, row * 64, row * 20, row * 20 + 20);
    pages.write(`account:${row.toString(16).padStart(8, "0")} balance: 0000`, row * 64 + 20, "latin1");
  }
  return pages;
}

/** Words in no order: short matches are all there is. */
function text(bytes: number): Buffer {
  const words = Array.from({ length: 500 }, () =>
    randomBytes(3)
      .toString("hex")
      .slice(0, 2 + Math.random() * 4),
  );
  const picks = randomBytes(bytes);
  return Buffer.from(Array.from(picks, (pick, i) => words[(pick * 2 + (i % 2)) % 500]).join(" ")).subarray(0, bytes);
}

function prepare(t: TestContext, content: Uint8Array, memory: SharedArrayBuffer | undefined) {
  const root = mkdtempSync(join(tmpdir(), "prepare-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  writeFileSync(join(root, "data"), content);
  const stamp = stampOf(statSync(join(root, "data"), { bigint: true }));
  // Two ranges, so that they are put together.
  const half = Math.floor(content.length / 2);
  const ranges = [
    { path: "data", stamp, position: 0, size: half },
    { path: "data", stamp, position: half, size: content.length - half },
  ];
  const spool = join(root, "spool");
  return prepareChunk({ root, ranges, level: 3, mayStayRaw: false, hashOnly: false, spool, memory });
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

function storedBytes({ body }: Prepared): Uint8Array {
  if (body.kind === "memory") return Buffer.from(body.bytes);
  assert.equal(body.kind, "spool");
  return body.kind === "spool" ? readFileSync(body.path) : Buffer.of();
}

for (const [kind, content] of [
  ["database pages", databasePages(20 * MIB)],
  ["text", text(20 * MIB)],
  ["random bytes", randomBytes(20 * MIB)],
  ["zeros", Buffer.alloc(20 * MIB)],
] as const) {
  test(`level 3 is as small as zstd's, one frame, in memory or in a file: ${kind}`, (t) => {
    const zstd = execFileSync("zstd", ["-3", "-c", "-q", "--single-thread"], { input: content, maxBuffer: 64 * MIB });
    const inMemory = prepare(t, content, new SharedArrayBuffer(24 * MIB));
    const tooLarge = prepare(t, content, new SharedArrayBuffer(2 * MIB));
    const spooled = prepare(t, content, undefined);
    const stored = storedBytes(inMemory);
    assert.equal(inMemory.body.kind, "memory");
    assert.equal(tooLarge.body.kind, inMemory.size > MIB ? "spool" : "memory");
    assert.equal(spooled.body.kind, "spool");
    assert.ok(inMemory.size <= zstd.length * 1.01, `${inMemory.size} bytes, zstd's are ${zstd.length}`);
    assert.deepEqual(Buffer.from(stored.subarray(0, 5)).toString("hex"), "28b52ffd00");
    // The same object, which a program can look at.
    const path = spooled.body.kind === "spool" ? spooled.body.path : "";
    const frames = execFileSync("zstd", ["-lv", path], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    assert.match(frames, /# Zstandard Frames: 1\n/);
    assert.ok(content.equals(execFileSync("zstd", ["-dcq"], { input: stored, maxBuffer: 64 * MIB })));
    for (const each of [inMemory, tooLarge, spooled]) {
      const { size, checksum, content: hash } = each;
      const expected = { size: stored.length, checksum: sha256(stored), content: sha256(content) };
      assert.deepEqual({ size, checksum, content: hash }, expected);
      assert.equal(sha256(storedBytes(each)), checksum);
    }
  });
}
