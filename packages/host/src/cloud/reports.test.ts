import assert from "node:assert/strict";
import { test } from "node:test";
import { NodeState } from "@blockvisor/wire/blockjoy/common/v1/node";
import { NodeService } from "@blockvisor/wire/blockjoy/v1/node";
import { createClient, createRouterTransport } from "@connectrpc/connect";
import { pino } from "pino";
import type { NodePolls } from "../metrics/node-polls.ts";
import type { NodeTable } from "../node/node-table.ts";
import type { Api } from "./api.ts";
import { Reports } from "./reports.ts";

test("a status that the API took in before it heard of a command's result is told again after it, although its answer comes later", async () => {
  const told: (NodeState | undefined)[] = [];
  let answer = (): void => {};
  let arrived = (): void => {};
  const waiting = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const transport = createRouterTransport(({ service }) =>
    service(NodeService, {
      async reportStatus({ status }) {
        told.push(status?.state);
        if (told.length > 1) return {};
        await new Promise<void>((resolve) => {
          answer = resolve;
          arrived();
        });
        return {};
      },
    }),
  );
  const node = { state: { id: "node", dev_mode: false, image: { config_id: "config" } }, status: "Stopped" };
  const nodes = { actors: () => [{ id: "node", snapshot: () => node }], broken: () => [] } as unknown as NodeTable;
  const api = { nodes: createClient(NodeService, transport) } as unknown as Api;
  const reports = new Reports(api, nodes, {} as NodePolls, "host", pino({ enabled: false }));

  const round = reports.statuses();
  await waiting;
  reports.forget("node");
  answer();
  await round;
  await reports.statuses();
  assert.deepEqual(told, [NodeState.STOPPED, NodeState.STOPPED]);
  await reports.statuses();
  assert.equal(told.length, 2, "what was accepted is not told again");
});

test("a broken node is reported failed, once for each reason, unless it is known not to be the API's", async () => {
  const told: (readonly [string, NodeState | undefined, string])[] = [];
  const transport = createRouterTransport(({ service }) =>
    service(NodeService, {
      get: () => ({ node: { configId: "config" } }),
      reportStatus: ({ nodeId, configId, status }) => {
        told.push([nodeId, status?.state, configId]);
        return {};
      },
    }),
  );
  let reason = "torn";
  const broken = () => [
    { id: "known", name: "known", devMode: false, reason },
    { id: "unknown", name: "unknown", devMode: undefined, reason: "missing" },
    { id: "dev", name: "dev", devMode: true, reason },
  ];
  const nodes = { actors: () => [], broken } as unknown as NodeTable;
  const api = { nodes: createClient(NodeService, transport) } as unknown as Api;
  const reports = new Reports(api, nodes, {} as NodePolls, "host", pino({ enabled: false }));
  await reports.statuses();
  await reports.statuses();
  const failed = (id: string) => [id, NodeState.FAILED, "config"] as const;
  assert.deepEqual(told, [failed("known"), failed("unknown")]);
  reason = "another one";
  await reports.statuses();
  assert.deepEqual(told.slice(2), [failed("known")]);
});
