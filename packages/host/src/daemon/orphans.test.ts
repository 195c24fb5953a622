import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import pino from "pino";
import type { NodeActor } from "../node/node-actor.ts";
import { hostPaths } from "../place/paths.ts";
import { removeOrphans } from "./orphans.ts";

const root = await mkdtemp(join(tmpdir(), "bv-orphans-"));
after(() => rm(root, { recursive: true }));

test("a node that is created while orphans are looked for is none", async () => {
  const [orphan, fresh] = ["a2c9e1f4-0000-4000-8000-000000000001", "a2c9e1f4-0000-4000-8000-000000000002"] as const;
  const known = new Set<string>();
  const removed: string[] = [];
  const remove = async (id: string): Promise<void> => void removed.push(id);
  const host = {
    paths: hostPaths(root),
    log: pino({ level: "silent" }),
    runtime: { delete: remove },
    network: {
      list: async () => {
        known.add(fresh);
        return [orphan, fresh];
      },
      tearDown: remove,
    },
    firewall: { list: async () => [], remove },
  };
  const nodes = { get: (id: string) => (known.has(id) ? ({ id } as NodeActor) : undefined), broken: () => [] };
  await removeOrphans(host, nodes);
  assert.deepEqual([...new Set(removed)], [orphan]);
});
