import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { z } from "zod";
import { appendDurable, readRecords, readVersioned, removeDurable, writeDurable } from "./index.ts";

const directory = mkdtempSync(join(tmpdir(), "bv-durable-"));
after(() => rmSync(directory, { recursive: true, force: true }));

const format = { version: 2, schema: z.object({ name: z.string() }) };

test("a written file has exactly the content and mode asked for, and leaves no other file behind", async () => {
  const path = join(directory, "state.json");
  await writeDurable(path, "first");
  await writeDurable(path, "second", 0o640);
  assert.equal(readFileSync(path, "utf8"), "second");
  assert.equal(statSync(path).mode & 0o777, 0o640);
  assert.deepEqual(readdirSync(directory), ["state.json"]);
  await removeDurable(path);
  await removeDurable(path);
  assert.deepEqual(readdirSync(directory), []);
});

test("a write that fails leaves the old content and no temporary file", async () => {
  const path = join(directory, "is-a-folder");
  await assert.rejects(writeDurable(join(path, "x"), "data"), { code: "ENOENT" });
  assert.deepEqual(readdirSync(directory), []);
});

for (const [point, expected] of [
  ["durable.written", "old"],
  ["durable.synced", "old"],
  ["durable.renamed", "new"],
] as const) {
  test(`killed at ${point} the file is whole: ${expected}`, async () => {
    const path = join(directory, point);
    await writeDurable(path, "old");
    const script = `import { writeDurable } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
      await writeDurable(${JSON.stringify(path)}, "new");`;
    const run = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      env: { ...process.env, BV_FAILPOINT: point },
    });
    assert.equal(run.signal, "SIGKILL");
    assert.equal(readFileSync(path, "utf8"), expected);
  });
}

test("failpoints that come from a file do not cut what was done before it was there", async () => {
  const path = join(directory, "armed-later");
  const places = join(directory, "places");
  const script = `import { writeFileSync } from "node:fs";
    import { writeDurable } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
    await writeDurable(${JSON.stringify(path)}, "before");
    writeFileSync(${JSON.stringify(places)}, "durable.renamed@2");
    for (const n of [1, 2, 3]) await writeDurable(${JSON.stringify(path)}, "write " + n);`;
  const run = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    env: { ...process.env, BV_FAILPOINT: `file:${places}` },
  });
  assert.equal(run.signal, "SIGKILL");
  assert.equal(readFileSync(path, "utf8"), "write 2");
  assert.equal(existsSync(places), false);
});

test("versioned state: missing, current, older, newer and damaged files", async () => {
  const path = join(directory, "versioned.json");
  assert.equal(await readVersioned(path, format), undefined);
  writeFileSync(path, '{"schema_version":2,"name":"a"}');
  assert.deepEqual(await readVersioned(path, format), { name: "a" });
  writeFileSync(path, '{"title":"old"}');
  const upgrade = (fields: Record<string, unknown>, from: number) => ({ name: `${fields["title"]} v${from}` });
  assert.deepEqual(await readVersioned(path, { ...format, upgrade }), { name: "old v1" });
  writeFileSync(path, '{"schema_version":3,"name":"a"}');
  await assert.rejects(readVersioned(path, format), { code: "state-too-new" });
  for (const text of ["", "{", "[]", '{"schema_version":"x"}', '{"schema_version":2,"name":7}']) {
    writeFileSync(path, text);
    await assert.rejects(readVersioned(path, format), { code: "state-unreadable" }, text);
  }
});

test("appended records survive a torn last line, which the next append removes", async () => {
  const path = join(directory, "journal");
  assert.deepEqual(await readRecords(path), []);
  await appendDurable(path, { step: 1 });
  await appendDurable(path, { step: 2, text: "line\nbreak ü" });
  const whole = statSync(path).size;
  await appendDurable(path, { step: 3 });
  for (let cut = whole + 1; cut < whole + 20; cut += 6) {
    truncateSync(path, cut);
    assert.deepEqual(await readRecords(path), [{ step: 1 }, { step: 2, text: "line\nbreak ü" }]);
  }
  await appendDurable(path, { step: 4 });
  assert.deepEqual(await readRecords(path), [{ step: 1 }, { step: 2, text: "line\nbreak ü" }, { step: 4 }]);
});
