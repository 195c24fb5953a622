import { type Selectable, sql } from "kysely";
import type { Database } from "../database/open-database.ts";
import type { Schema } from "../database/schema.ts";
import { failedPrecondition, notFound } from "../rpc-error.ts";
import type { Need } from "./placement.ts";

/** Locks a host for placing nodes on it, so that two calls cannot take the same room or address (CA-4.20, CA-4.30). */
export async function lockHost(tx: Database, hostId: string): Promise<Selectable<Schema["hosts"]>> {
  const host = await tx.selectFrom("hosts").selectAll().where("id", "=", hostId).forUpdate().executeTakeFirst();
  if (host === undefined) throw notFound("Host");
  return host;
}

/**
 * @param except a node whose own share does not count, because it is being changed
 * @throws FAILED_PRECONDITION naming the host and what it lacks
 */
export async function requireRoom(
  tx: Database,
  host: Selectable<Schema["hosts"]>,
  need: Need,
  except?: string,
): Promise<void> {
  let query = tx
    .selectFrom("nodes")
    .select([
      sql<bigint>`coalesce(sum(cpu_cores), 0)::bigint`.as("cpu"),
      sql<bigint>`coalesce(sum(memory_bytes), 0)::bigint`.as("memory"),
      sql<bigint>`coalesce(sum(disk_bytes), 0)::bigint`.as("disk"),
    ])
    .where("host_id", "=", host.id);
  if (except !== undefined) query = query.where("id", "!=", except);
  const used = await query.executeTakeFirstOrThrow();
  const refuse = (what: string, needed: bigint, free: bigint) =>
    failedPrecondition(`Host has too little available ${what}. (${host.network_name}: ${needed} needed, ${free} free)`);
  const cpu = host.cpu_cores - used.cpu;
  const memory = host.memory_bytes - used.memory;
  const disk = host.disk_bytes - used.disk;
  if (need.cpuCores > cpu) throw refuse("cpu", need.cpuCores, cpu);
  if (need.memoryBytes > memory) throw refuse("memory", need.memoryBytes, memory);
  if (need.diskBytes > disk) throw refuse("disk", need.diskBytes, disk);
}

/** A free address of the locked host; the one that has been free for longest first, so that caches elsewhere can expire. */
export async function freeAddress(tx: Database, host: Selectable<Schema["hosts"]>): Promise<string> {
  const row = await tx
    .selectFrom("ip_addresses")
    .select("ip")
    .where("host_id", "=", host.id)
    .where((address) =>
      address.not(
        address.exists(
          address.selectFrom("nodes").select("nodes.id").whereRef("nodes.ip_address", "=", "ip_addresses.ip"),
        ),
      ),
    )
    .orderBy(sql`released_at asc nulls first`)
    .orderBy(sql`ip::inet`)
    .limit(1)
    .executeTakeFirst();
  if (row === undefined) throw failedPrecondition(`Host has too few available IPs. (${host.network_name})`);
  return row.ip;
}

export async function releaseAddress(tx: Database, address: string): Promise<void> {
  await tx.updateTable("ip_addresses").set({ released_at: new Date() }).where("ip", "=", address).execute();
}
