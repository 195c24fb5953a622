import assert from "node:assert/strict";
import { appendFile, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Journal } from "./journal.ts";

type Entry = { readonly n: number; readonly text?: string };

async function recordsOf(path: string): Promise<readonly Entry[]> {
  const records: Entry[] = [];
  const journal = await Journal.open<Entry>(path, (record) => records.push(record));
  await journal.close();
  return records;
}

test("a journal cut anywhere holds the records before the cut, and goes on behind them", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "babel-journal-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "journal");
  const journal = await Journal.open<Entry>(path, () => assert.fail("a new journal is empty"));
  await Promise.all([1, 2, 3].map((n) => journal.append({ n, text: "ä\n".repeat(n) })));
  await journal.append({ n: 4 });
  await journal.close();
  const whole = await readFile(path);
  const lines = whole.toString("utf8").split("\n").length - 1;
  assert.equal(lines, 4);

  for (let length = 0; length <= whole.length; length++) {
    await writeFile(path, whole);
    await truncate(path, length);
    const complete = whole.subarray(0, length).toString("latin1").split("\n").length - 1;
    assert.deepEqual(
      (await recordsOf(path)).map(({ n }) => n),
      [1, 2, 3, 4].slice(0, complete),
    );
    const again = await Journal.open<Entry>(path, () => undefined);
    await again.append({ n: 9 });
    await again.close();
    assert.equal((await recordsOf(path)).length, complete + 1);
  }

  await writeFile(path, whole);
  const flipped = Buffer.from(whole);
  flipped[whole.indexOf('"n":3') + 4] = "7".charCodeAt(0);
  await writeFile(path, flipped);
  assert.deepEqual((await recordsOf(path)).length, 2);
  await appendFile(path, "garbage without a checksum\n");
  assert.deepEqual((await recordsOf(path)).length, 2);
});

test("a journal that says the same over and over is made short, and goes on from there", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "babel-journal-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "journal");
  const text = "x".repeat(500);
  const journal = await Journal.open<Entry>(path, () => undefined);
  await Promise.all(Array.from({ length: 400 }, (_, n) => journal.append({ n: n % 90, text })));
  await journal.close();
  const { size } = await stat(path);

  const last: Entry[] = Array.from({ length: 90 }, (_, n) => ({ n, text }));
  const again = await Journal.open<Entry>(path, () => undefined);
  assert.equal(await again.compact([...last, ...last]), false, "not for less than three quarters");
  assert.equal((await stat(path)).size, size);
  assert.equal(await again.compact(last), true);
  assert.equal(await again.compact([]), false, "what is short stays as it is");
  await again.append({ n: 1000 });
  await again.close();
  assert.deepEqual(await recordsOf(path), [...last, { n: 1000 }]);
  assert.deepEqual(await readdir(folder), ["journal"]);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});
