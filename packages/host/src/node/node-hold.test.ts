import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { bootId, identifyProcess } from "../runtime/process-identity.ts";
import { startNode } from "../service/node-operations.ts";
import type { NodeActor } from "./node-actor.ts";

test("a node whose data a process outside works on is not started; one that the process left behind is", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "bv-hold-"));
  t.after(() => rm(directory, { recursive: true }));
  const started: string[] = [];
  const actor = {
    parts: { paths: { directory } },
    snapshot: () => ({ state: { name: "me", dev_mode: false }, status: "Stopped" }),
    operate: async ({ kind, change }: { readonly kind: string; readonly change: () => object }) => {
      change();
      started.push(kind);
    },
  } as unknown as NodeActor;
  const hold = (identity: object) =>
    writeFile(join(directory, "held.json"), JSON.stringify({ schema_version: 1, ...identity, by: "bv archive fetch" }));
  await startNode(actor, {});
  await hold({ ...identifyProcess(process.pid) });
  await assert.rejects(startNode(actor, {}), {
    code: "busy",
    message: `\`bv archive fetch\` (pid ${process.pid}) works on the data of node \`me\``,
  });
  await hold({ pid: process.pid, startTicks: 1, bootId: bootId() });
  await startNode(actor, {});
  assert.deepEqual(started, ["start", "start"]);
});
