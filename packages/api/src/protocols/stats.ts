import type { ProtocolServiceGetStatsRequest } from "@blockvisor/wire/blockjoy/v1/protocol";
import type { Database } from "../database/open-database.ts";
import { invalidArgument } from "../rpc-error.ts";
import { uuid } from "../wire-fields.ts";

const counted = ["starting", "running", "upgrading", "failed"] as const;

/** Nodes by state, per protocol or version (spec §2.7, CA-2.30). */
export async function protocolStats(db: Database, request: ProtocolServiceGetStatsRequest) {
  const { case: kind, value } = request.statsFor;
  if (kind === undefined) throw invalidArgument("stats_for");
  const column = kind === "protocolVersionId" || kind === "allVersions" ? "protocol_version_id" : "protocol_id";
  let query = db
    .selectFrom("nodes")
    .select([`nodes.${column} as subject`, "node_state", (row) => row.fn.countAll<bigint>().as("count")])
    .groupBy([`nodes.${column}`, "node_state"]);
  if (request.orgId !== undefined) query = query.where("org_id", "=", uuid(request.orgId, "org_id"));
  if (typeof value === "string") query = query.where(`nodes.${column}`, "=", uuid(value, column));
  const stats: Record<string, { total: bigint } & Partial<Record<(typeof counted)[number], bigint>>> = {};
  for (const { subject, node_state, count } of await query.execute()) {
    const entry = (stats[subject] ??= { total: 0n });
    entry.total += count;
    const state = counted.find((name) => name === node_state);
    if (state !== undefined) entry[state] = count;
  }
  return column === "protocol_id" ? { protocolStats: stats } : { versionStats: stats };
}
