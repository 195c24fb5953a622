import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { PluginData } from "./plugin-data.ts";

async function pluginData(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), "plugin-data-"));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, "plugin.data");
  return { data: new PluginData(path), path };
}

test("a text and named slots are kept apart, and outlive the daemon", async (t) => {
  const { data, path } = await pluginData(t);
  await data.save(undefined, "plain");
  await Promise.all([data.save("peers", "5"), data.save("constructor", "6")]);
  assert.equal(readFileSync(path, "utf8"), "plain");
  const next = new PluginData(path);
  const found = [undefined, "peers", "constructor", "toString"].map((slot) => next.load(slot));
  assert.deepEqual(await Promise.all(found), ["plain", "5", "6", undefined]);
});

test("of several swaps that expect the same only the first takes place", async (t) => {
  const { data } = await pluginData(t);
  const swaps = ["a", "b", "c"].map((text) => data.swap("leader", undefined, text));
  assert.deepEqual(await Promise.all(swaps), [true, false, false]);
  assert.deepEqual([await data.swap("leader", "b", "d"), await data.load("leader")], [false, "a"]);
  assert.deepEqual([await data.swap("leader", "a", "d"), await data.load("leader")], [true, "d"]);
});

test("bad names and too much text are refused, and a file that cannot be read is not taken for an empty one", async (t) => {
  const { data, path } = await pluginData(t);
  for (const slot of ["", "a/b", "__proto__", "x".repeat(65)]) {
    await assert.rejects(data.save(slot, ""), { code: "invalid", message: /^save_data: invalid name of a slot: / });
  }
  const half = "x".repeat(600_000);
  await data.save("one", half);
  await assert.rejects(data.save("two", half), { message: "save_data: the text is larger than 1048576 bytes" });
  assert.equal(await data.load("two"), undefined);
  writeFileSync(`${path}.slots.json`, "{");
  await assert.rejects(data.save("one", ""), { code: "state-unreadable" });
  assert.equal(readFileSync(`${path}.slots.json`, "utf8"), "{");
});
