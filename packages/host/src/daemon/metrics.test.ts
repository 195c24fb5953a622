import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { CreateDevNodeRequestSchema } from "@blockvisor/wire/blockvisor/host/v1/host";
import { create } from "@bufbuild/protobuf";
import { metricTable } from "../metrics/metric-table.ts";
import { type DaemonProcess, finish, makeRoot, startDaemonProcess, type TestRoot } from "../testbed/daemon-process.ts";
import { makeTestImage } from "../testbed/test-image.ts";
import { until } from "../testbed/until.ts";

const dashboard = fileURLToPath(new URL("../../grafana/blockvisor.json", import.meta.url));

/** Value by metric and labels, as they stand in the text. */
type Scraped = ReadonlyMap<string, number>;

describe("metrics for Prometheus", () => {
  let root: TestRoot;
  let daemon: DaemonProcess;
  let url: string;
  let nodeId: string;

  before(async () => {
    root = await makeRoot({ metrics_port: 0, recovery: { check_secs: 1 } });
    daemon = await startDaemonProcess(root);
    const { conditions } = await daemon.client.getInfo({});
    url = conditions.find(({ name }) => name === "metrics")?.message ?? "";
    const request = create(CreateDevNodeRequestSchema, {
      name: "measured",
      imageKey: { protocolKey: "test", variantKey: "test-main" },
      imageVersion: "1.0.0",
      imageUri: await makeTestImage(root.paths.root, "1.0.0"),
      vm: { cpuCores: 1, memoryMb: 1000n, diskGb: 1n },
      properties: { color: "green" },
    });
    nodeId = (await finish(daemon.client.createDevNode(request))).id;
  });
  after(async () => {
    if (nodeId) await finish(daemon.client.deleteNode({ node: nodeId }));
    await daemon?.stop();
    await root?.remove();
  });

  const scrape = async (): Promise<Scraped> => {
    const response = await fetch(url);
    assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    const lines = (await response.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]));
  };
  const ofNode = (name: string, more = ""): string => `${name}{node="${nodeId}",name="measured"${more}}`;

  test("are served on loopback only, at one path", async () => {
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    assert.equal((await fetch(url.replace("/metrics", "/"))).status, 404);
    assert.equal((await fetch(url, { method: "POST" })).status, 405);
  });

  test("are served on a socket for root and the group, too", async () => {
    const { metricsSocket: socketPath } = root.paths;
    assert.equal((await stat(socketPath)).mode & 0o777, 0o660);
    const body = await new Promise<string>((resolve, reject) => {
      get({ socketPath, path: "/metrics" }, (response) => text(response).then(resolve, reject)).once("error", reject);
    });
    assert.match(body, /^blockvisor_build_info\{version="[^"]+"\} 1$/m);
  });

  test("tell of a node that does not run that it does not", async () => {
    const found = await scrape();
    assert.equal(found.get(ofNode("blockvisor_node_running")), 0);
    assert.equal(found.get('blockvisor_nodes{status="stopped"}'), 1);
    assert.equal(found.get(ofNode("blockvisor_node_memory_bytes")), undefined);
  });

  test("tell of a running node what it uses, what its protocol says and what its jobs do", async () => {
    await finish(daemon.client.startNode({ node: nodeId }));
    await until(async () => (await scrape()).has(ofNode("blockvisor_node_height")));
    const found = await scrape();
    const value = (name: string, more = "") => found.get(ofNode(name, more));
    assert.deepEqual(
      [
        value("blockvisor_node_running"),
        value("blockvisor_node_height"),
        value("blockvisor_node_memory_limit_bytes"),
        value("blockvisor_node_jobs", ',state="running"'),
        value("blockvisor_node_jobs", ',state="finished"'),
        value("blockvisor_node_protocol_status", ',state="broadcasting",health="healthy"'),
        value("blockvisor_node_info", ',protocol="test",variant="test-main",version="1.0.0",status="running"'),
        found.get('blockvisor_operations_total{kind="start",result="ok"}'),
        found.get('blockvisor_operations_total{kind="create",result="ok"}'),
        found.get('blockvisor_operation_seconds_bucket{kind="start",le="+Inf"}'),
        found.get('blockvisor_operation_seconds_bucket{kind="start",le="1800"}'),
        found.get('blockvisor_operation_seconds_count{kind="start"}'),
        found.get("blockvisor_operations_waiting"),
        value("blockvisor_node_restarts_total"),
        value("blockvisor_node_recoveries_total"),
      ],
      [1, 7, 1e9, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
    );
    for (const name of ["memory_bytes", "processes", "cpu_seconds_total", "network_received_bytes_total"]) {
      assert.ok((value(`blockvisor_node_${name}`) ?? 0) > 0, name);
    }
    const startSeconds = found.get('blockvisor_operation_seconds_sum{kind="start"}') ?? 0;
    assert.ok(startSeconds > 0);
    assert.ok((found.get("blockvisor_memory_bytes") ?? 0) > 10_000_000);
  });

  test("count that a node died and was brought back", async () => {
    const { pid } = await daemon.client.getNode({ node: nodeId });
    process.kill(pid ?? assert.fail("no process"), "SIGKILL");
    await until(async () => (await scrape()).get(ofNode("blockvisor_node_restarts_total")) === 1);
    assert.equal((await scrape()).get(ofNode("blockvisor_node_recoveries_total")), 1);
  });

  test("what is used is told to bv, too, with what lies on the disk", async () => {
    const resources = await daemon.client.getNodeResources({ node: nodeId });
    assert.deepEqual(
      [resources.memoryLimitBytes, resources.processesLimit, resources.oomKills, resources.diskIncomplete],
      [1_000_000_000n, 16_384, 0, false],
    );
    // Where the kernel counts it, both are told, there and here.
    const isCounted = resources.diskReadBytes !== undefined;
    const isSampled = (await scrape()).has(ofNode("blockvisor_node_disk_written_bytes_total"));
    assert.deepEqual([resources.diskWrittenBytes !== undefined, isSampled], [isCounted, isCounted]);
    assert.ok((resources.processes ?? 0) >= 2 && (resources.memoryBytes ?? 0n) > 0n && resources.dataBytes > 0n);
    const metrics = await daemon.client.getHostMetrics({});
    assert.deepEqual(
      metrics.pressure.map(({ resource }) => resource),
      resources.pressure.map(({ resource }) => resource),
    );
    assert.ok(metrics.totalMemoryBytes > metrics.usedMemoryBytes && metrics.totalDiskBytes > metrics.usedDiskBytes);
  });

  test("are all that the dashboard asks for, and the dashboard asks for nothing else", async () => {
    const asked = new Set((await readFile(dashboard, "utf8")).match(/blockvisor_[a-z0-9_]+/g));
    const known = new Set(
      Object.entries(metricTable).flatMap(([name, [type]]) =>
        type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
      ),
    );
    assert.deepEqual(
      [...asked].filter((name) => !known.has(name)),
      [],
    );
    const told = new Set([...(await scrape()).keys()].map((key) => key.replace(/\{.*/, "")));
    // Told only where there is a control plane, a disk with quotas, a failure, or a plugin that has these functions.
    const elsewhere =
      /^blockvisor_(loops|commands|notifications|polls_failures|operations_running|node_(disk|block_age|consensus|apr|jailed|job_progress))/;
    assert.deepEqual(
      [...known].filter((name) => !told.has(name) && !elsewhere.test(name)),
      [],
    );
  });

  test("a port that is taken costs the metrics there, not the daemon and not the socket", async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    const { port } = holder.address() as AddressInfo;
    const other = await makeRoot({ metrics_port: port });
    const second = await startDaemonProcess(other);
    try {
      const { conditions } = await second.client.getInfo({});
      const condition = conditions.find(({ name }) => name === "metrics");
      assert.deepEqual([condition?.ok, condition?.message.includes(`127.0.0.1:${port}`)], [false, true]);
      assert.ok((await stat(other.paths.metricsSocket)).isSocket());
    } finally {
      await second.stop();
      await other.remove();
      await new Promise((resolve) => holder.close(resolve));
    }
  });
});
