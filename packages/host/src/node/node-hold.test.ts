import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { bootId, identifyProcess } from "../runtime/process-identity.ts";
import { startNode } from "../service/node-operations.ts";
import { lendData } from "./lend-data.ts";
import type { NodeActor } from "./node-actor.ts";

test("a node whose data a process outside works on is not started, nor cloned; one that the process left behind is", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "bv-hold-"));
  t.after(() => rm(directory, { recursive: true }));
  const started: string[] = [];
  const state = { name: "me", dev_mode: false, data_directory: null, space: { kind: "shared" } };
  const cgroups = { freeze: async () => {}, thaw: async () => {} };
  const actor = {
    parts: { paths: { directory, data: join(directory, "data") }, state: () => state, host: { cgroups } },
    snapshot: () => ({ state, status: "Stopped" }),
    exclusively: (work: () => Promise<void>) => work(),
    operate: async ({ kind, change }: { readonly kind: string; readonly change: () => object }) => {
      change();
      started.push(kind);
    },
  } as unknown as NodeActor;
  const hold = (identity: object) =>
    writeFile(join(directory, "held.json"), JSON.stringify({ schema_version: 1, ...identity, by: "bv archive fetch" }));
  const lent: string[] = [];
  const lend = () => lendData(actor, false, async (data) => void lent.push(data));
  await startNode(actor, {});
  await hold({ ...identifyProcess(process.pid) });
  const busy = { code: "busy", message: `\`bv archive fetch\` (pid ${process.pid}) works on the data of node \`me\`` };
  await assert.rejects(startNode(actor, {}), busy);
  await assert.rejects(lend(), busy);
  await hold({ pid: process.pid, startTicks: 1, bootId: bootId() });
  await startNode(actor, {});
  await lend();
  assert.deepEqual([started, lent], [["start", "start"], [join(directory, "data")]]);
});
