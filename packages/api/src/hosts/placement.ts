import { ResourceAffinity, SimilarNodeAffinity } from "@blockvisor/wire/blockjoy/common/v1/node";
import { sql } from "kysely";
import type { Database } from "../database/open-database.ts";

export interface Need {
  readonly cpuCores: bigint;
  readonly memoryBytes: bigint;
  readonly diskBytes: bigint;
}

export interface Candidate {
  readonly id: string;
  readonly region_id: string;
  readonly free_ips: bigint;
  /** nodes of this size it has room for, addresses included */
  readonly room: bigint;
}

export interface Wish {
  readonly orgId?: string;
  readonly regionId?: string;
  readonly protocol: { readonly id: string; readonly key: string };
  readonly need: Need;
  readonly resource?: ResourceAffinity;
  readonly similarity?: SimilarNodeAffinity;
  readonly not?: readonly string[];
}

/** A host that said nothing for so long is taken for gone (CA-4.12). */
const silentSeconds = 120;

/**
 * Hosts that can take a node now, best first (spec §4.4 with CA-4.10 – CA-4.13): online, automatic, public or of the org, free
 * to run the protocol, with room. Emptiest first unless the wish says otherwise; the id decides between equals.
 */
export async function candidateHosts(db: Database, wish: Wish): Promise<readonly Candidate[]> {
  const { need } = wish;
  const order = [
    ...(wish.similarity === SimilarNodeAffinity.CLUSTER ? [sql`alike desc`] : []),
    ...(wish.similarity === SimilarNodeAffinity.SPREAD ? [sql`alike asc`] : []),
    wish.resource === ResourceAffinity.MOST_RESOURCES
      ? sql`free_cpu asc, free_memory asc, free_disk asc`
      : sql`free_cpu desc, free_memory desc, free_disk desc`,
    sql`id asc`,
  ];
  const { rows } = await sql<Candidate>`
    select id, region_id, free_ips, least(
      free_ips, free_cpu / ${need.cpuCores}::bigint, free_memory / ${need.memoryBytes}::bigint,
      free_disk / ${need.diskBytes}::bigint) as room
    from (
      select hosts.id, hosts.region_id,
        hosts.cpu_cores - coalesce(used.cpu, 0)::bigint as free_cpu,
        hosts.memory_bytes - coalesce(used.memory, 0)::bigint as free_memory,
        hosts.disk_bytes - coalesce(used.disk, 0)::bigint as free_disk,
        coalesce(used.similar_nodes, 0) as alike,
        (select count(*) from ip_addresses where ip_addresses.host_id = hosts.id
          and not exists (select 1 from nodes where nodes.ip_address = ip_addresses.ip)) as free_ips
      from hosts left join (
        select host_id, sum(cpu_cores) as cpu, sum(memory_bytes) as memory, sum(disk_bytes) as disk,
          count(*) filter (where protocol_id = ${wish.protocol.id}::uuid) as similar_nodes
        from nodes group by host_id) used on used.host_id = hosts.id
      where hosts.schedule_type = 'automatic' and hosts.connection_status = 'online'
        and (hosts.metrics_at is null or hosts.metrics_at > now() - make_interval(secs => ${sql.lit(silentSeconds)}))
        and ${wish.orgId === undefined ? sql`true` : sql`(hosts.org_id is null or hosts.org_id = ${wish.orgId}::uuid)`}
        and ${wish.regionId === undefined ? sql`true` : sql`hosts.region_id = ${wish.regionId}::uuid`}
        and (hosts.tags = '[]'::jsonb or hosts.tags @> ${JSON.stringify([wish.protocol.key])}::jsonb)
        and not (${JSON.stringify(wish.not ?? [])}::jsonb @> to_jsonb(hosts.id::text))
    ) candidates
    where free_ips > 0 and free_cpu >= ${need.cpuCores}::bigint and free_memory >= ${need.memoryBytes}::bigint
      and free_disk >= ${need.diskBytes}::bigint
    order by ${sql.join(order)}`.execute(db);
  return rows;
}
