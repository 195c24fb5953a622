import assert from "node:assert/strict";
import { test } from "node:test";
import { NodeJobStatus, NodeState } from "@blockvisor/wire/blockjoy/common/v1/node";
import { HostService } from "@blockvisor/wire/blockjoy/v1/host";
import { MetricsService, type NodeMetrics } from "@blockvisor/wire/blockjoy/v1/metrics";
import { NodeService } from "@blockvisor/wire/blockjoy/v1/node";
import { JobState } from "@blockvisor/wire/blockvisor/host/v1/host";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
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

/** Nodes as the polls tell of them, and an API that refuses what `refused` says. */
function metered(ids: readonly string[], refused: (metrics: NodeMetrics) => Code | undefined = () => undefined) {
  const requests: NodeMetrics[][] = [];
  const transport = createRouterTransport(({ service }) =>
    service(MetricsService, {
      node: ({ metrics }) => {
        requests.push(metrics);
        const code = metrics.map(refused).find((found) => found !== undefined);
        if (code !== undefined) throw new ConnectError("refused", code);
        return {};
      },
    }),
  );
  const image = { config_id: "config", rootfs: "1" };
  let jobs: readonly object[] = [];
  let present = ids;
  let at = 0;
  const nodes = {
    actors: () => present.map((id) => ({ id, snapshot: () => ({ state: { id, dev_mode: false, image } }) })),
    broken: () => [],
  } as unknown as NodeTable;
  const polls = { last: () => ({ at, metrics: { height: 7n, jobs } }) } as unknown as NodePolls;
  const api = { metrics: createClient(MetricsService, transport) } as unknown as Api;
  const reports = new Reports(api, nodes, polls, "host", pino({ enabled: false }));
  return {
    reports,
    image,
    /** The next round of polls finds these jobs on these nodes; returns what the API was asked to take. */
    async round(found: readonly object[], on = ids): Promise<readonly (readonly string[])[]> {
      requests.length = 0;
      at += 1;
      jobs = found;
      present = on;
      await reports.nodeMetrics();
      return requests.map((request) =>
        request.map((node) =>
          [node.nodeId, ...node.jobs.map((job) => `${job.name} ${NodeJobStatus[job.status]}`)].join(),
        ),
      );
    },
  };
}

test("jobs are told when they change; all of them after an upgrade, once the node was gone, and when everything is told again", async () => {
  const { reports, round, image } = metered(["a"]);
  const web = { name: "web", state: JobState.RUNNING };
  const sync = { name: "sync", state: JobState.RUNNING };
  const ended = { name: "sync", state: JobState.FINISHED, exitCode: 0 };
  assert.deepEqual(await round([web, sync]), [["a,web RUNNING,sync RUNNING"]]);
  assert.deepEqual(await round([web, sync]), [["a"]]);
  assert.deepEqual(await round([web, ended]), [["a,sync FINISHED"]]);
  assert.deepEqual(await round([web]), [["a"]]);
  assert.deepEqual(await round([web, ended]), [["a,sync FINISHED"]]);
  image.rootfs = "2";
  assert.deepEqual(await round([web, ended]), [["a,web RUNNING,sync FINISHED"]]);
  assert.deepEqual(await round([web], []), []);
  assert.deepEqual(await round([web]), [["a,web RUNNING"]]);
  await reports.statuses(true);
  assert.deepEqual(await round([web]), [["a,web RUNNING"]]);
});

test("jobs that the API has not taken are told again", async () => {
  let down: Code | undefined = Code.NotFound;
  const { round } = metered(["a"], () => down);
  const web = { name: "web", state: JobState.RUNNING };
  assert.deepEqual(await round([web]), [["a,web RUNNING"]]);
  down = undefined;
  assert.deepEqual(await round([web]), [["a,web RUNNING"]]);
  assert.deepEqual(await round([web]), [["a"]]);
});

for (const code of [Code.NotFound, Code.InvalidArgument]) {
  test(`a node whose figures the API refuses (${Code[code]}) is found by halves, and the others are told`, async () => {
    const { reports, round } = metered(["a", "b", "c", "d"], ({ nodeId }) => (nodeId === "c" ? code : undefined));
    assert.deepEqual(await round([]), [["a", "b", "c", "d"], ["a", "b"], ["c", "d"], ["c"], ["d"]]);
    await reports.nodeMetrics();
    assert.deepEqual(await round([], ["a"]), [["a"]]);
  });
}

test("what the machine is, is told whenever it is asked for, and by itself when it has changed (DB-10.7)", async () => {
  const told: (string | undefined)[] = [];
  const transport = createRouterTransport(({ service }) =>
    service(HostService, {
      updateHost: ({ bvVersion }) => {
        told.push(bvVersion);
        return {};
      },
    }),
  );
  const api = { hosts: createClient(HostService, transport) } as unknown as Api;
  const reports = new Reports(api, {} as NodeTable, {} as NodePolls, "host", pino({ enabled: false }));
  await reports.host("1.0.0", "/", "changed");
  await reports.host("1.0.0", "/", "changed");
  await reports.host("1.0.1", "/", "changed");
  await reports.host("1.0.1", "/");
  assert.deepEqual(told, ["1.0.0", "1.0.1", "1.0.1"]);
});
