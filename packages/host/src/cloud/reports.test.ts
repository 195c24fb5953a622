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
  const nodes = { actors: () => [{ id: "node", snapshot: () => node }] } as unknown as NodeTable;
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
