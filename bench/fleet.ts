/**
 * A host full of nodes: what the daemon costs while they idle, how fast a new daemon has them, and that it touches none of them.
 * `BV_FLEET=RUNNING/RECORDS,…` says how many run of how many there are; default 10/20; `BV_FLEET_STARTS` how many are started at the same time; default 4.
 * Nodes are empty: busybox, babel and one sleeping job.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ServiceStatus } from "@blockvisor/wire/blockvisor/host/v1/host";
import {
  type DaemonProcess,
  finish,
  makeRoot,
  pluginPath,
  startDaemonProcess,
  type TestRoot,
} from "../packages/host/src/testbed/daemon-process.ts";
import { makeOciImage } from "../packages/host/src/testbed/oci-image.ts";
import { repository } from "./compare.ts";

const plugin = `
fn plugin_config() { #{ services: [#{ name: "idle", run_sh: "exec sleep 1000000", use_protocol_data: false }] } }
fn protocol_status() { #{ state: "broadcasting", health: "healthy" } }
fn height() { 7 }
fn block_age() { 3 }
fn consensus() { true }
`;

const idleSeconds = Number(process.env["BV_FLEET_SECONDS"] ?? 20);
const listings = 15;
const startsAtOnce = Number(process.env["BV_FLEET_STARTS"] ?? 4);
/** Kernel ticks per second in /proc/PID/stat. */
const ticks = 100;

interface Size {
  readonly running: number;
  readonly records: number;
}

const sizes: readonly Size[] = (process.env["BV_FLEET"] ?? "10/20").split(",").map((word) => {
  const [running = 0, records = running] = word.split("/").map(Number);
  return { running, records };
});

/** Room for a thousand nodes, beside what tests use. */
const subnet = `10.${192 + (process.pid % 60)}`;
const root = await makeRoot({
  metrics_port: 0,
  // As many as the table of nodes can hold, not as many as the machine has memory for.
  maintenance_mode: true,
  net_conf: {
    gateway_ip: `${subnet}.0.1`,
    host_ip: `${subnet}.0.1`,
    prefix: 22,
    available_ips: [`${subnet}.0.2-${subnet}.3.250`],
  },
});
let daemon = await start();
try {
  const image = await makeOciImage(join(root.paths.root, "image"), { [pluginPath]: plugin });
  const nodes: string[] = [];
  let running = 0;
  const figures = [];
  for (const size of sizes) {
    const made = await timed(size.records - nodes.length, async () => {
      while (nodes.length < size.records) nodes.push(await createNode(daemon, image, nodes.length));
    });
    const wanted = nodes.slice(running, size.running);
    const begun = await timed(wanted.length, () =>
      Promise.all(Array.from({ length: startsAtOnce }, () => startEach(wanted))),
    );
    running = size.running;
    figures.push({ ...size, create_ms: made, start_ms: begun, ...(await measure()) });
    console.log(JSON.stringify(figures.at(-1)));
  }
  console.log("\nfleet");
  console.table(figures);
  console.log(JSON.stringify({ bench: "fleet", idle_seconds: idleSeconds, figures }));
} finally {
  await daemon.stop().catch(() => {});
  daemon = await start();
  const { nodes } = await daemon.client.listNodes({ local: true });
  for (const { id } of nodes) await finish(daemon.client.deleteNode({ node: id }));
  await daemon.stop();
  await root.remove();
}

async function start(how: { readonly wait?: boolean } = {}): Promise<DaemonProcess> {
  return startDaemonProcess(
    root satisfies TestRoot,
    { BV_LOG: "info" },
    { program: join(repository, "dist/bundles/blockvisord.js"), ...how },
  );
}

/** Milliseconds since `started` until the daemon's service answers. */
async function untilAnswering(started: number): Promise<number> {
  for (;;) {
    const answered = await daemon.client.getVersion({}).catch(() => undefined);
    if (answered) return performance.now() - started;
    if (daemon.process.exitCode !== null) throw new Error(daemon.log());
    await delay(5);
  }
}

async function createNode(on: DaemonProcess, imageUri: string, index: number): Promise<string> {
  const request = {
    name: `fleet-${index}`,
    imageKey: { protocolKey: "fleet", variantKey: "idle" },
    imageVersion: "1.0.0",
    imageUri,
    vm: { cpuCores: 1, memoryMb: 200n, diskGb: 1n },
  };
  return (await finish(on.client.createDevNode(request as Parameters<typeof on.client.createDevNode>[0]))).id;
}

/** Milliseconds for each of `count` pieces of work. */
async function timed(count: number, work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return Math.round((performance.now() - started) / Math.max(count, 1));
}

/** Several of these share one list. */
async function startEach(waiting: string[]): Promise<void> {
  for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
    await finish(daemon.client.startNode({ node: id }));
  }
}

async function measure() {
  // Only what stays: scripts that babel runs come and go.
  const first = processesOfNodes(root.paths.nodes);
  await delay(2_000);
  const before = [...processesOfNodes(root.paths.nodes)].filter((process) => first.has(process));
  await daemon.kill();
  const started = performance.now();
  daemon = await start({ wait: false });
  const answer_ms = Math.round(await untilAnswering(started));
  for await (const { status } of daemon.client.watchStatus({})) if (status === ServiceStatus.OK) break;
  const attach_ms = performance.now() - started;
  // Says more than the time on a machine that has other things to do: of the daemon, and of what it ran.
  const attach_cpu_ms = Math.round(1_000 * (cpuSeconds(daemonPid(daemon)) + cpuSeconds(daemonPid(daemon), true)));
  const after = processesOfNodes(root.paths.nodes);
  const untouched = before.length > 0 && before.every((process) => after.has(process));

  // The first moments, when everything is read and compiled, are not what it costs to idle.
  await delay(3_000);
  const pid = daemonPid(daemon);
  const own = [pid, ...pluginWorkers(pid)];
  // Telling all of that costs more than idling does.
  const nodesCpu = await nodesCpuSeconds();
  await delay(1_000);
  const [cpuBefore, waking] = [own.map((one) => cpuSeconds(one)), performance.now()];
  await delay(idleSeconds * 1_000);
  const percent = (seconds: number): number => (100 * seconds) / ((performance.now() - waking) / 1_000);
  const used = own.reduce((sum, one, index) => sum + Math.max(0, cpuSeconds(one) - (cpuBefore[index] ?? 0)), 0);
  const idle_cpu_percent = percent(used);
  const nodes_cpu_percent = percent((await nodesCpuSeconds()) - nodesCpu);

  const times: number[] = [];
  for (let round = 0; round < listings; round += 1) {
    const asked = performance.now();
    await daemon.client.listNodes({ local: true });
    times.push(performance.now() - asked);
  }
  const scraped = performance.now();
  await scrape();
  return {
    answer_ms,
    attach_ms: Math.round(attach_ms),
    attach_cpu_ms,
    untouched,
    processes: before.length,
    idle_cpu_percent: Number(idle_cpu_percent.toFixed(2)),
    nodes_cpu_percent: Number(nodes_cpu_percent.toFixed(2)),
    pss_mb: Math.round(own.reduce((sum, one) => sum + pssBytes(one), 0) / 1e6),
    plugin_workers: own.length - 1,
    list_ms: Number(times.sort((a, b) => a - b)[times.length >> 1]?.toFixed(1)),
    scrape_ms: Math.round(performance.now() - scraped),
  };
}

async function scrape(): Promise<string> {
  const { conditions } = await daemon.client.getInfo({});
  const url = conditions.find(({ name }) => name === "metrics")?.message ?? "";
  return (await fetch(url)).text();
}

/** What all nodes have used: of empty nodes that is babel, and what is done to look at them. */
async function nodesCpuSeconds(): Promise<number> {
  const lines = (await scrape()).matchAll(/^blockvisor_node_cpu_seconds_total\{.*\} (.*)$/gm);
  return [...lines].reduce((sum, [, seconds]) => sum + Number(seconds), 0);
}

function daemonPid({ process }: DaemonProcess): number {
  if (process.pid === undefined) throw new Error("the daemon has no pid");
  return process.pid;
}

/** Of those that are there once all nodes have been looked at, one stays. */
function pluginWorkers(daemon: number): readonly number[] {
  const children = readFileSync(`/proc/${daemon}/task/${daemon}/children`, "utf8").trim().split(" ").map(Number);
  return children.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("/worker.blob"));
}

/** `pid:start` of every process in the cgroups of the nodes, babel included. */
function processesOfNodes(nodes: string): ReadonlySet<string> {
  const found = new Set<string>();
  const ids = readdirSync(nodes).filter((name) => !name.startsWith("."));
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const cgroup = readFileSync(`/proc/${pid}/cgroup`, "utf8");
      if (ids.some((id) => cgroup.includes(id))) found.add(`${pid}:${statOf(Number(pid))[19]}`);
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

/** `children`: of the processes that it has waited for. 0 when it has ended. */
function cpuSeconds(pid: number, children = false): number {
  if (!existsSync(`/proc/${pid}`)) return 0;
  const fields = statOf(pid);
  const [user, system] = children ? [13, 14] : [11, 12];
  return (Number(fields[user]) + Number(fields[system])) / ticks;
}

/** Fields of /proc/PID/stat behind the command's name. */
function statOf(pid: number): readonly string[] {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** Of a process with all its threads, 0 when it has ended; what it shares with others counts in parts. */
function pssBytes(pid: number): number {
  if (!existsSync(`/proc/${pid}`)) return 0;
  return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0) * 1024;
}
