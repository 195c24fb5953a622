import type { NodeJob } from "@blockvisor/wire/blockjoy/common/v1/node";
import type { NodeMetrics } from "@blockvisor/wire/blockjoy/v1/metrics";
import type { Selectable } from "kysely";
import type { ResourceRef } from "../auth/caller.ts";
import type { Database } from "../database/open-database.ts";
import type { Schema, StoredJob } from "../database/schema.ts";
import { nameOf, nodeHealths, nodeStates } from "../nodes/node-enums.ts";
import { publishNode } from "../nodes/node-events.ts";
import { invalidArgument } from "../rpc-error.ts";
import { int8, text, uuid } from "../wire-fields.ts";

const longestReason = 255;
const mostJobs = 256;
const mostLogLines = 100;
const longestLine = 4096;

type NodeRow = Selectable<Schema["nodes"]>;

/** Stores the figures of a host's nodes. @returns whether some of them are not on this host */
export async function storeNodeMetrics(
  tx: Database,
  metrics: readonly NodeMetrics[],
  by: ResourceRef,
  due: (nodeId: string) => boolean,
): Promise<boolean> {
  const byId = new Map(metrics.map((entry) => [uuid(entry.nodeId, "metrics.node_id"), entry]));
  if (byId.size === 0) return false;
  const nodes = await tx
    .selectFrom("nodes")
    .selectAll()
    .where("id", "in", [...byId.keys()])
    .where(by.kind === "host" ? "host_id" : "id", "=", by.id)
    .orderBy("id")
    .forUpdate()
    .execute();
  for (const node of nodes) {
    const entry = byId.get(node.id);
    if (entry === undefined) continue;
    const changes = changesOf(node, entry);
    await tx
      .updateTable("nodes")
      .set({ ...changes, updated_at: new Date() })
      .where("id", "=", node.id)
      .execute();
    const stateChanged =
      (changes.node_state ?? node.node_state) !== node.node_state ||
      (changes.protocol_state ?? node.protocol_state) !== node.protocol_state ||
      (changes.protocol_health ?? node.protocol_health) !== node.protocol_health;
    if (due(node.id) || stateChanged) await publishNode(tx, "updated", node.id, by);
  }
  return nodes.length < byId.size;
}

function changesOf(node: NodeRow, entry: NodeMetrics) {
  const { nodeStatus: status } = entry;
  const state =
    status === undefined || status.state === 0
      ? undefined
      : nameOf(nodeStates, status.state, "metrics.node_status.state");
  return {
    // Figures are older than status reports and carry no configuration: all they may say is that a new node has come up (CA-2.62).
    ...(node.node_state === "starting" && node.next_state === null && state === "running" ? { node_state: state } : {}),
    ...(status?.protocol === undefined
      ? {}
      : {
          protocol_state: text(status.protocol.state, "metrics.protocol.state", { max: 128 }),
          protocol_health: nameOf(nodeHealths, status.protocol.health, "metrics.protocol.health"),
        }),
    ...(entry.height === undefined ? {} : { block_height: int8(entry.height, "height") }),
    ...(entry.blockAge === undefined ? {} : { block_age: int8(entry.blockAge, "block_age") }),
    ...(entry.consensus === undefined ? {} : { consensus: entry.consensus }),
    ...(entry.apr === undefined ? {} : { apr: finite(entry.apr, "apr") }),
    ...(entry.jailed === undefined ? {} : { jailed: entry.jailed }),
    ...(entry.jailedReason === undefined
      ? {}
      : { jailed_reason: text(entry.jailedReason, "jailed_reason", { max: longestReason }) }),
    ...(entry.sqdName === undefined ? {} : { sqd_name: text(entry.sqdName, "sqd_name", { max: longestReason }) }),
    ...(entry.jobs.length === 0 ? {} : { jobs: JSON.stringify(mergedJobs(node.jobs, entry.jobs)) }),
  };
}

/** Hosts send only the jobs that changed, so the others stay (CA-2.60). */
function mergedJobs(known: readonly StoredJob[], reported: readonly NodeJob[]): readonly StoredJob[] {
  const jobs = new Map(known.map((job) => [job.name, job]));
  for (const job of reported) jobs.set(text(job.name, "metrics.jobs.name", { min: 1, max: 128 }), storedJob(job));
  if (jobs.size > mostJobs) throw invalidArgument("metrics.jobs", `a node has at most ${mostJobs} jobs`);
  return [...jobs.values()];
}

const storedJob = (job: NodeJob): StoredJob => ({
  name: job.name,
  status: job.status,
  ...(job.exitCode === undefined ? {} : { exitCode: job.exitCode }),
  ...(job.message === undefined ? {} : { message: printable(job.message) }),
  logs: job.logs.slice(-mostLogLines).map(printable),
  restarts: job.restarts.toString(),
  ...(job.progress === undefined
    ? {}
    : {
        progress: {
          ...(job.progress.total === undefined ? {} : { total: job.progress.total }),
          ...(job.progress.current === undefined ? {} : { current: job.progress.current }),
          ...(job.progress.message === undefined ? {} : { message: printable(job.progress.message) }),
        },
      }),
});

/** The database's JSON cannot hold NUL characters; a node's output can. */
const printable = (line: string) => line.replaceAll("\0", "").slice(0, longestLine);

function finite(value: number, field: string): number {
  if (!Number.isFinite(value)) throw invalidArgument(field);
  return value;
}
