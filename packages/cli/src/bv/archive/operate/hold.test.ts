import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { TemporaryDirectory } from "../../../testing/cli-process.ts";
import { holdNode } from "./hold.ts";

test("data of a node are held by one live process, in the form that the daemon reads (host node-hold.ts)", () => {
  using directory = new TemporaryDirectory();
  const path = join(directory.path, "held.json");
  const fieldsOf = (text: string) => text.slice(text.lastIndexOf(")") + 2).split(" ");
  const held = {
    schema_version: 1,
    pid: process.pid,
    startTicks: Number(fieldsOf(readFileSync("/proc/self/stat", "latin1"))[19]),
    bootId: readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim(),
    by: "bv archive fetch",
  };
  {
    using _ = holdNode(directory.path, "me", "bv archive fetch");
    assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), held);
    assert.throws(() => holdNode(directory.path, "me", "bv archive repair"), {
      message: `\`bv archive fetch\` (pid ${process.pid}) works on the data of node me`,
    });
  }
  assert.ok(!existsSync(path));
  for (const left of [JSON.stringify({ ...held, startTicks: 1 }), "not ours"]) {
    writeFileSync(path, left);
    using _ = holdNode(directory.path, "me", "bv archive fetch");
    assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), held);
  }
});
