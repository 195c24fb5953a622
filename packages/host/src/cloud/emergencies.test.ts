import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { NodeState } from "@blockvisor/wire/blockjoy/common/v1/node";
import { NodeService } from "@blockvisor/wire/blockjoy/v1/node";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { pino } from "pino";
import type { Api } from "./api.ts";
import { Emergencies } from "./emergencies.ts";

test("what is done without the API is told once it can be, by the next daemon too, once, in its order", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "bv-emergencies-"));
  t.after(() => rm(folder, { recursive: true }));
  const told: string[] = [];
  const keys = new Set<string | null>();
  let isDown = true;
  const transport = createRouterTransport(({ service }) =>
    service(NodeService, {
      get: ({ nodeId }) => ({ node: { nodeId, configId: `config of ${nodeId}` } }),
      reportStatus: ({ nodeId, configId, status }) => {
        told.push(`${nodeId}: ${NodeState[status?.state ?? 0]} (${configId})`);
        return {};
      },
      reportError: ({ nodeId, message }, { requestHeader }) => {
        if (isDown) throw new ConnectError("not now", Code.Aborted);
        if (nodeId === "unknown") throw new ConnectError("no such node", Code.NotFound);
        keys.add(requestHeader.get("idempotency-key"));
        told.push(`${nodeId}: ${message.replace(/ at [^,]+/, "")}`);
        return {};
      },
    }),
  );
  const api = { nodes: createClient(NodeService, transport) } as unknown as Api;
  const next = () => new Emergencies(join(folder, "emergencies.json"), api, "h1", pino({ enabled: false }));

  const first = next();
  await Promise.all([first.record("unknown", "start"), first.record("a", "stop"), first.record("b", "delete")]);
  await assert.rejects(next().tell(), { code: "api_unreachable" });
  assert.deepEqual(told, []);
  isDown = false;
  const second = next();
  await Promise.all([second.tell(), second.tell()]);
  assert.deepEqual(told, [
    "a: stop on host h1, without the control plane",
    "b: FAILED (config of b)",
    "b: delete on host h1, without the control plane; the node and its data are not there any more: delete it here, too",
  ]);
  assert.equal(keys.size, 2);
  await next().tell();
  assert.equal(told.length, 3);
});
