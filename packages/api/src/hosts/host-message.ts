import { ScheduleType } from "@blockvisor/wire/blockjoy/common/v1/host";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Selectable } from "kysely";
import { costMessage } from "../cost.ts";
import type { Database } from "../database/open-database.ts";
import type { Schema } from "../database/schema.ts";
import { present } from "../protocols/protocol-message.ts";
import { creatorMessage } from "../resource.ts";
import { invalidArgument, notFound } from "../rpc-error.ts";
import { tagsMessage } from "./tags.ts";

export const regionMessage = (row: Selectable<Schema["regions"]>) => ({
  regionId: row.id,
  regionKey: row.key,
  displayName: row.display_name,
  ...present("skuCode", row.sku_code),
});

const scheduleTypes = { automatic: ScheduleType.AUTOMATIC, manual: ScheduleType.MANUAL } as const;

export function scheduleName(type: ScheduleType): keyof typeof scheduleTypes {
  if (type === ScheduleType.AUTOMATIC) return "automatic";
  if (type === ScheduleType.MANUAL) return "manual";
  throw invalidArgument("schedule_type");
}

/** Hosts as the wire shows them, in the order of `ids`. */
export async function hostMessages(db: Database, ids: readonly string[], options: { readonly withCost: boolean }) {
  if (ids.length === 0) return [];
  const hosts = await db
    .selectFrom("hosts")
    .leftJoin("orgs", "orgs.id", "hosts.org_id")
    .selectAll("hosts")
    .select("orgs.name as org_name")
    .where("hosts.id", "in", ids)
    .execute();
  if (hosts.length === 0) return [];
  const regions = await db
    .selectFrom("regions")
    .selectAll()
    .where("id", "in", [...new Set(hosts.map((host) => host.region_id))])
    .execute();
  const addresses = await db
    .selectFrom("ip_addresses")
    .leftJoin("nodes", "nodes.ip_address", "ip_addresses.ip")
    .select(["ip_addresses.ip", "ip_addresses.host_id", "nodes.id as node_id"])
    .where("ip_addresses.host_id", "in", ids)
    .orderBy("ip_addresses.ip")
    .execute();
  const counts = await db
    .selectFrom("nodes")
    .select(["host_id", (row) => row.fn.countAll<bigint>().as("count")])
    .where("host_id", "in", ids)
    .groupBy("host_id")
    .execute();
  return ids.flatMap((id) => {
    const host = hosts.find((row) => row.id === id);
    if (host === undefined) return [];
    const region = regions.find((row) => row.id === host.region_id);
    return [
      {
        hostId: host.id,
        ...present("orgId", host.org_id),
        ...present("orgName", host.org_name),
        ...(region === undefined ? {} : { region: regionMessage(region) }),
        networkName: host.network_name,
        ...present("displayName", host.display_name),
        scheduleType: scheduleTypes[host.schedule_type],
        os: host.os,
        osVersion: host.os_version,
        bvVersion: host.bv_version,
        ipAddress: host.ip_address,
        ipGateway: host.ip_gateway,
        ipAddresses: addresses
          .filter((address) => address.host_id === id)
          .map(({ ip, node_id }) => ({ ip, assigned: node_id !== null })),
        cpuCores: host.cpu_cores,
        memoryBytes: host.memory_bytes,
        diskBytes: host.disk_bytes,
        nodeCount: counts.find((row) => row.host_id === id)?.count ?? 0n,
        tags: tagsMessage(host.tags),
        createdBy: creatorMessage(host),
        createdAt: timestampFromDate(host.created_at),
        updatedAt: timestampFromDate(host.updated_at),
        ...(options.withCost && host.cost !== null ? { cost: costMessage(host.cost) } : {}),
      },
    ];
  });
}

/** @throws NOT_FOUND */
export async function hostMessage(db: Database, id: string, options: { readonly withCost: boolean }) {
  const [host] = await hostMessages(db, [id], options);
  if (host === undefined) throw notFound("Host");
  return host;
}
