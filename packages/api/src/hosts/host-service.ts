import { parseVersion } from "@blockvisor/image/version";
import { HostMessageSchema } from "@blockvisor/wire/blockjoy/v1/event";
import { type HostService, type HostServiceUpdateHostRequest, HostSortField } from "@blockvisor/wire/blockjoy/v1/host";
import type { ServiceImpl } from "@connectrpc/connect";
import { type RawBuilder, sql } from "kysely";
import { roles } from "../auth/access-table.ts";
import { callerOf } from "../auth/caller.ts";
import type { ThrottleKey } from "../auth/login-throttle.ts";
import { topics } from "../broker/broker.ts";
import { storedCost } from "../cost.ts";
import { list, matching, ordering } from "../database/list.ts";
import { sourceAddress } from "../listener/source-address.ts";
import { publish } from "../outbox/outbox.ts";
import { type Platform, write } from "../platform.ts";
import { resourceMessage } from "../resource.ts";
import { failedPrecondition, invalidArgument, notFound, outOfRange, permissionDenied } from "../rpc-error.ts";
import { deleteSecrets } from "../secrets/secret-store.ts";
import { key, optionalText, positive, text, uuid } from "../wire-fields.ts";
import { createHost } from "./create-host.ts";
import { hostMessage, hostMessages, regionMessage, scheduleName } from "./host-message.ts";
import { publishHostUpdated } from "./host-status.ts";
import { listRegions } from "./list-regions.ts";
import { updatedTags } from "./tags.ts";

/** Spec §2.6; hosts cannot be started and stopped remotely (CA-2.23). */
export function hostService(platform: Platform): Partial<ServiceImpl<typeof HostService>> {
  const { db } = platform;
  return {
    async createHost(request, context) {
      const address: ThrottleKey = { kind: "address", value: sourceAddress(context) };
      platform.throttle.check([address]);
      return write(platform, context, request, async (tx) => {
        const { hostId, provisionOrgId } = await createHost(tx, request).catch((error: unknown) => {
          platform.throttle.failed([address]);
          throw error;
        });
        const resource = { kind: "host", id: hostId } as const;
        await platform.sessions.revokeAll(tx, resource);
        const host = await hostMessage(tx, hostId, { withCost: false });
        await publish(tx, topics.host(hostId), HostMessageSchema, {
          message: {
            case: "created",
            value: { host, ...(host.createdBy === undefined ? {} : { createdBy: host.createdBy }) },
          },
        });
        return {
          host,
          token: await platform.tokens.sign({ resource, roles: [roles.host], data: {} }),
          refresh: await platform.sessions.start(tx, resource),
          provisionOrgId,
        };
      });
    },

    async createRegion(request, context) {
      const row = {
        key: key(request.regionKey, "region_key"),
        display_name: text(request.displayName.trim(), "display_name", { min: 1, max: 128 }),
        sku_code: optionalText(request.skuCode, "sku_code", 64),
      };
      return write(platform, context, request, async (tx) => ({
        region: regionMessage(await tx.insertInto("regions").values(row).returningAll().executeTakeFirstOrThrow()),
      }));
    },

    async updateRegion(request, context) {
      const id = uuid(request.regionId, "region_id");
      const changes = {
        ...(request.displayName === undefined
          ? {}
          : { display_name: text(request.displayName.trim(), "display_name", { min: 1, max: 128 }) }),
        ...(request.skuCode === undefined ? {} : { sku_code: text(request.skuCode, "sku_code", { max: 64 }) }),
      };
      if (Object.keys(changes).length === 0) throw failedPrecondition("Nothing to update.");
      return write(platform, context, request, async (tx) => {
        const row = await tx.updateTable("regions").set(changes).where("id", "=", id).returningAll().executeTakeFirst();
        if (row === undefined) throw notFound("Region");
        return { region: regionMessage(row) };
      });
    },

    async getRegion({ region }) {
      const query = db.selectFrom("regions").selectAll();
      if (region.case === undefined) throw outOfRange("region");
      const row =
        region.case === "regionId"
          ? await query.where("id", "=", uuid(region.value, "region_id")).executeTakeFirst()
          : await query.where("key", "=", key(region.value, "region_key")).executeTakeFirst();
      if (row === undefined) throw notFound("Region");
      return { region: regionMessage(row) };
    },

    async getHost(request, context) {
      const withCost = callerOf(context).permissions.has("host-admin-view-cost");
      return { host: await hostMessage(db, uuid(request.hostId, "host_id"), { withCost }) };
    },

    async listHosts(request, context) {
      let query = db.selectFrom("hosts").select("hosts.id");
      if (request.orgIds.length > 0) query = query.where("org_id", "in", request.orgIds);
      if (request.bvVersions.length > 0) query = query.where("bv_version", "in", request.bvVersions);
      const { search } = request;
      if (search !== undefined) {
        query = query.where(
          matching(search.operator, [
            { column: sql<string>`hosts.id::text`, pattern: search.hostId },
            { column: sql<string>`hosts.network_name`, pattern: search.networkName },
            { column: sql<string | null>`hosts.display_name`, pattern: search.displayName },
            { column: sql<string>`hosts.bv_version`, pattern: search.bvVersion },
            { column: sql<string>`hosts.os`, pattern: search.os },
            { column: sql<string>`hosts.ip_address`, pattern: search.ip },
          ]),
        );
      }
      const { rows, total } = await list(query, { ...request, order: ordering(request.sort, sortColumns, "hosts") });
      const withCost = callerOf(context).permissions.has("host-admin-view-cost");
      const ids = rows.map((row) => row.id);
      return { hosts: await hostMessages(db, ids, { withCost }), total };
    },

    listRegions: (request, context) => listRegions(db, callerOf(context), request),

    async updateHost(request, context) {
      const caller = callerOf(context);
      const id = uuid(request.hostId, "host_id");
      const unrestricted = caller.resource.kind === "host" || caller.permissions.has("host-admin-update-host");
      if (!unrestricted) refuseHostFacts(request);
      return write(platform, context, request, async (tx) => {
        const host = await tx.selectFrom("hosts").selectAll().where("id", "=", id).forUpdate().executeTakeFirst();
        if (host === undefined) throw notFound("Host");
        const changes = checkedChanges(request, host.tags);
        if (Object.keys(changes).length === 0) throw failedPrecondition("Nothing to update.");
        await tx
          .updateTable("hosts")
          .set({ ...changes, updated_at: new Date() })
          .where("id", "=", id)
          .execute();
        await publishHostUpdated(tx, id);
        return { host: await hostMessage(tx, id, { withCost: caller.permissions.has("host-admin-view-cost") }) };
      });
    },

    async deleteHost(request, context) {
      const caller = callerOf(context);
      const id = uuid(request.hostId, "host_id");
      return write(platform, context, request, async (tx) => {
        const host = await tx.selectFrom("hosts").select("id").where("id", "=", id).forUpdate().executeTakeFirst();
        if (host === undefined) throw notFound("Host");
        const node = await tx.selectFrom("nodes").select("id").where("host_id", "=", id).limit(1).executeTakeFirst();
        if (node !== undefined) throw failedPrecondition("This host still has nodes.");
        await platform.sessions.revokeAll(tx, { kind: "host", id });
        await deleteSecrets(tx, { kind: "host", id });
        await tx.deleteFrom("api_keys").where("resource_type", "=", "host").where("resource_id", "=", id).execute();
        await tx.deleteFrom("hosts").where("id", "=", id).execute();
        await publish(tx, topics.host(id), HostMessageSchema, {
          message: { case: "deleted", value: { hostId: id, deletedBy: resourceMessage(caller.resource) } },
        });
        return {};
      });
    },
  };
}

const sortColumns: Readonly<Record<number, RawBuilder<unknown>>> = {
  [HostSortField.NETWORK_NAME]: sql.ref("hosts.network_name"),
  [HostSortField.DISPLAY_NAME]: sql.ref("hosts.display_name"),
  [HostSortField.OS]: sql.ref("hosts.os"),
  [HostSortField.OS_VERSION]: sql.ref("hosts.os_version"),
  [HostSortField.BV_VERSION]: sql.ref("hosts.bv_version"),
  [HostSortField.CPU_CORES]: sql.ref("hosts.cpu_cores"),
  [HostSortField.MEMORY_BYTES]: sql.ref("hosts.memory_bytes"),
  [HostSortField.DISK_BYTES]: sql.ref("hosts.disk_bytes"),
  [HostSortField.NODE_COUNT]: sql`(select count(*) from nodes where nodes.host_id = hosts.id)`,
  [HostSortField.CREATED_AT]: sql.ref("hosts.created_at"),
  [HostSortField.UPDATED_AT]: sql.ref("hosts.updated_at"),
};

/** Members decide how their host is shown and scheduled; what the machine is, the machine says (CA-1.30). */
function refuseHostFacts(request: HostServiceUpdateHostRequest): void {
  const facts = [
    "networkName",
    "regionId",
    "os",
    "osVersion",
    "bvVersion",
    "cpuCores",
    "memoryBytes",
    "diskBytes",
  ] as const;
  if (facts.some((fact) => request[fact] !== undefined))
    throw permissionDenied("Missing permission: host-admin-update-host");
}

function checkedChanges(request: HostServiceUpdateHostRequest, tags: readonly string[]) {
  const bvVersion = request.bvVersion?.toLowerCase();
  if (bvVersion !== undefined && parseVersion(bvVersion) === undefined) throw invalidArgument("bv_version");
  const optional = <Column extends string, Value>(column: Column, value: Value | undefined) =>
    (value === undefined ? {} : { [column]: value }) as { [K in Column]?: Value };
  const size = (value: bigint | undefined, field: string) => (value === undefined ? undefined : positive(value, field));
  const short = (value: string | undefined, field: string, max = 128) =>
    value === undefined ? undefined : text(value, field, { max });
  return {
    ...optional("network_name", short(request.networkName, "network_name", 253)),
    ...optional("display_name", short(request.displayName, "display_name")),
    ...optional("region_id", request.regionId === undefined ? undefined : uuid(request.regionId, "region_id")),
    ...optional("os", short(request.os, "os")),
    ...optional("os_version", short(request.osVersion, "os_version")),
    ...optional("bv_version", bvVersion),
    ...optional("cpu_cores", size(request.cpuCores, "cpu_cores")),
    ...optional("memory_bytes", size(request.memoryBytes, "memory_bytes")),
    ...optional("disk_bytes", size(request.diskBytes, "disk_bytes")),
    ...optional("schedule_type", request.scheduleType === undefined ? undefined : scheduleName(request.scheduleType)),
    ...optional(
      "tags",
      request.updateTags === undefined ? undefined : JSON.stringify(updatedTags(tags, request.updateTags)),
    ),
    ...optional("cost", request.cost === undefined ? undefined : storedCost(request.cost)),
  };
}
