import { parseVersion } from "@blockvisor/image/version";
import type { HostServiceCreateHostRequest } from "@blockvisor/wire/blockjoy/v1/host";
import { rolePermissions } from "../auth/access-table.ts";
import { membershipOf } from "../auth/authenticate.ts";
import type { Database } from "../database/open-database.ts";
import { redeemProvisionToken } from "../orgs/provision-token.ts";
import { createdBy } from "../resource.ts";
import { invalidArgument, notFound, outOfRange, permissionDenied } from "../rpc-error.ts";
import { int8, ip, optionalText, text, uuid } from "../wire-fields.ts";
import { scheduleName } from "./host-message.ts";
import { tagNames } from "./tags.ts";

const mostAddresses = 4096;

/** Names the installer gives every host it registers; they say nothing about what the host may run (CA-4.2, DB-8.3). */
const meaninglessTags: readonly string[] = ["testing"];

export interface CreatedHost {
  readonly hostId: string;
  readonly provisionOrgId: string;
}

/**
 * Registers a machine with a provision token (spec §2.6, §4.1). Org tokens make private hosts, public ones need a superuser's
 * token (CA-4.1). The same machine registered again by the same org gets fresh credentials as long as it has no nodes (CA-4.3).
 */
export async function createHost(tx: Database, request: HostServiceCreateHostRequest): Promise<CreatedHost> {
  const fields = checkedFields(request);
  const { userId, orgId } = await redeemProvisionToken(tx, request.provisionToken);
  if (!request.isPrivate) {
    const { globalRoles } = await membershipOf(tx, { kind: "user", id: userId });
    if (!globalRoles.some((role) => rolePermissions.get(role)?.has("host-admin-provision-public"))) {
      throw permissionDenied("This token registers private hosts only. Run bvup with --private.");
    }
  }
  const region = await tx.selectFrom("regions").select("id").where("id", "=", fields.region_id).executeTakeFirst();
  if (region === undefined) throw notFound("Region");

  const ownership = { org_id: request.isPrivate ? orgId : null, provision_org_id: orgId };
  const row = { ...fields, ...ownership, ...createdBy({ kind: "user", id: userId }), updated_at: new Date() };
  const known = await tx
    .selectFrom("hosts")
    .select(["id", "org_id", "provision_org_id", "created_by_id"])
    .where("network_name", "=", fields.network_name)
    .forUpdate()
    .executeTakeFirst();
  const again =
    known !== undefined &&
    known.provision_org_id === orgId &&
    known.created_by_id === userId &&
    (await tx.selectFrom("nodes").select("id").where("host_id", "=", known.id).limit(1).executeTakeFirst()) ===
      undefined;
  if (known !== undefined && again) {
    await tx.updateTable("hosts").set(row).where("id", "=", known.id).execute();
    await tx.deleteFrom("ip_addresses").where("host_id", "=", known.id).execute();
    await tx.deleteFrom("commands").where("host_id", "=", known.id).execute();
    await addAddresses(tx, known.id, request.ips);
    return { hostId: known.id, provisionOrgId: orgId };
  }
  const { id } = await tx.insertInto("hosts").values(row).returning("id").executeTakeFirstOrThrow();
  await addAddresses(tx, id, request.ips);
  return { hostId: id, provisionOrgId: orgId };
}

function checkedFields(request: HostServiceCreateHostRequest) {
  if (parseVersion(request.bvVersion.toLowerCase()) === undefined) {
    throw invalidArgument("bv_version", "is not a semantic version");
  }
  const size = (value: bigint, field: string) => {
    if (value === 0n) throw outOfRange(field);
    return int8(value, field);
  };
  const address = ip(request.ipAddress, "ip_address");
  const gateway = ip(request.ipGateway, "ip_gateway");
  if (request.ips.length > mostAddresses) throw invalidArgument("ips", `has more than ${mostAddresses} addresses`);
  const distinct = new Set(request.ips.map((pooled) => ip(pooled, "ips")));
  if (distinct.size !== request.ips.length) throw invalidArgument("ips", "has an address twice");
  // A host without bridge shares its own address with its one node, so only the gateway can never be a node's.
  if (distinct.has(gateway)) throw invalidArgument("ips", `contains the gateway ${gateway}`);
  return {
    region_id: uuid(request.regionId, "region_id"),
    network_name: text(request.networkName.trim(), "network_name", { min: 1, max: 253 }),
    display_name: optionalText(request.displayName, "display_name", 128),
    schedule_type: scheduleName(request.scheduleType),
    os: text(request.os, "os", { max: 128 }),
    os_version: text(request.osVersion, "os_version", { max: 128 }),
    bv_version: request.bvVersion.toLowerCase(),
    ip_address: address,
    ip_gateway: gateway,
    cpu_cores: size(request.cpuCores, "cpu_cores"),
    memory_bytes: size(request.memoryBytes, "memory_bytes"),
    disk_bytes: size(request.diskBytes, "disk_bytes"),
    tags: JSON.stringify(tagNames(request.tags).filter((tag) => !meaninglessTags.includes(tag))),
  };
}

async function addAddresses(tx: Database, hostId: string, ips: readonly string[]): Promise<void> {
  if (ips.length === 0) return;
  await tx
    .insertInto("ip_addresses")
    .values(ips.map((address) => ({ ip: address, host_id: hostId })))
    .execute();
}
