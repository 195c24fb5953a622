import { NodeConfigSchema } from "@blockvisor/wire/blockjoy/common/v1/config";
import type { ResourceAffinity, SimilarNodeAffinity } from "@blockvisor/wire/blockjoy/common/v1/node";
import type { NodeServiceCreateRequest } from "@blockvisor/wire/blockjoy/v1/node";
import { toBinary } from "@bufbuild/protobuf";
import type { Insertable } from "kysely";
import type { Caller } from "../auth/caller.ts";
import { addCommand } from "../commands/add-command.ts";
import type { Database } from "../database/open-database.ts";
import type { Schema, StoredScheduler } from "../database/schema.ts";
import { freeAddress, lockHost, requireRoom } from "../hosts/capacity.ts";
import { candidateHosts } from "../hosts/placement.ts";
import { tagNames } from "../hosts/tags.ts";
import { type ImageModel, loadImage } from "../images/image-model.ts";
import { newConfig } from "../images/node-config.ts";
import { existingOrg } from "../orgs/org-message.ts";
import type { Platform } from "../platform.ts";
import { seenBy, viewerOf } from "../protocols/catalogue.ts";
import { createdBy } from "../resource.ts";
import { failedPrecondition, invalidArgument, notFound, permissionDenied, resourceExhausted } from "../rpc-error.ts";
import { copySecrets } from "../secrets/secret-store.ts";
import { optionalUuid, uuid } from "../wire-fields.ts";
import { logNode, publishNode } from "./node-events.ts";
import { nodeName } from "./node-names.ts";

const mostPerCall = 50;
const nameAttempts = 10;

/** One node to be placed: on a host that was chosen, or on the best one in a region. */
type Slot =
  | { readonly kind: "host"; readonly hostId: string }
  | {
      readonly kind: "region";
      readonly regionId: string;
      readonly resource: ResourceAffinity;
      readonly similarity: SimilarNodeAffinity;
    };

/** Creates all the nodes of a call or none (spec §4.5, CA-4.20 – CA-4.24). @returns their ids */
export async function createNodes(
  platform: Platform,
  tx: Database,
  caller: Caller,
  request: NodeServiceCreateRequest,
): Promise<readonly string[]> {
  const orgId = uuid(request.orgId, "org_id");
  const slots = slotsOf(request);
  const { resource } = caller;
  if (resource.kind === "host" && slots.some((slot) => slot.kind !== "host" || slot.hostId !== resource.id)) {
    throw permissionDenied("A host launches nodes only on itself.");
  }
  await existingOrg(tx, orgId);
  const model = await visibleImage(tx, caller, request.imageId, orgId);
  const resolved = newConfig(model, request.newValues, request.addRules);
  await requireQuota(platform, tx, orgId, slots.length);
  const config = await tx
    .insertInto("configs")
    .values({
      image_id: model.image.id,
      archive_id: resolved.archiveId,
      config: toBinary(NodeConfigSchema, resolved.config),
      ...createdBy(caller.resource),
    })
    .returning("id")
    .executeTakeFirstOrThrow();

  const ids: string[] = [];
  for (const slot of slots) {
    const host = await lockHost(tx, await chooseHost(tx, slot, orgId, model, resolved));
    if (host.org_id !== null && host.org_id !== orgId) throw notFound("Host");
    await requireRoom(tx, host, resolved);
    const row = {
      org_id: orgId,
      host_id: host.id,
      old_node_id: optionalUuid(request.oldNodeId, "old_node_id"),
      image_id: model.image.id,
      config_id: config.id,
      protocol_id: model.version.protocol_id,
      protocol_version_id: model.version.id,
      semantic_version: model.version.semantic_version,
      tags: JSON.stringify(tagNames(request.tags)),
      ip_address: await freeAddress(tx, host),
      ip_gateway: host.ip_gateway,
      cpu_cores: resolved.cpuCores,
      memory_bytes: resolved.memoryBytes,
      disk_bytes: resolved.diskBytes,
      scheduler: JSON.stringify(schedulerOf(slot)),
      ...createdBy(caller.resource),
    };
    const id = await insertNamed(tx, row, (name) => dnsName(platform, model, name));
    if (row.old_node_id !== null) {
      await copySecrets(tx, platform.vault, { kind: "node", id: row.old_node_id }, { kind: "node", id });
    }
    await logNode(tx, { id, host_id: host.id }, "create_started", caller.resource);
    await addCommand(tx, { hostId: host.id, nodeId: id, type: "node_create" });
    await publishNode(tx, "created", id, caller.resource);
    ids.push(id);
  }
  return ids;
}

function slotsOf({ launcher }: NodeServiceCreateRequest): readonly Slot[] {
  if (launcher === undefined) throw invalidArgument("launcher");
  const { launch } = launcher;
  if (launch.case === undefined) throw invalidArgument("launch");
  const counts =
    launch.case === "byHost"
      ? launch.value.hostCounts.map(({ hostId, nodeCount }) => ({
          count: nodeCount,
          slot: { kind: "host", hostId: uuid(hostId, "host_id") } as const,
        }))
      : launch.value.regionCounts.map(({ regionId, nodeCount, resource, similarity }) => ({
          count: nodeCount,
          slot: {
            kind: "region",
            regionId: uuid(regionId, "region_id"),
            resource: resource ?? 0,
            similarity: similarity ?? 0,
          } as const,
        }));
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  if (total < 1 || total > mostPerCall) throw invalidArgument("node_count", `${total} is not 1 to ${mostPerCall}`);
  return counts.flatMap(({ count, slot }) => Array.from({ length: count }, () => slot));
}

/** @throws NOT_FOUND, also when the caller may not see the image or its version */
export async function visibleImage(tx: Database, caller: Caller, imageId: string, orgId?: string): Promise<ImageModel> {
  const viewer = viewerOf(caller, orgId === undefined ? [] : [orgId]);
  const image = await tx
    .selectFrom("images")
    .select(["id", "protocol_version_id"])
    .where("id", "=", uuid(imageId, "image_id"))
    .where(seenBy(viewer, "images"))
    .executeTakeFirst();
  if (image === undefined) throw notFound("Image");
  const version = await tx
    .selectFrom("protocol_versions")
    .select("id")
    .where("id", "=", image.protocol_version_id)
    .where(seenBy(viewer, "protocol_versions"))
    .executeTakeFirst();
  if (version === undefined) throw notFound("Version");
  return loadImage(tx, image.id);
}

async function requireQuota(platform: Platform, tx: Database, orgId: string, more: number): Promise<void> {
  const { count } = await tx
    .selectFrom("nodes")
    .select((row) => row.fn.countAll<bigint>().as("count"))
    .where("org_id", "=", orgId)
    .executeTakeFirstOrThrow();
  const limit = platform.settings.nodesPerOrg;
  if (Number(count) + more > limit) throw resourceExhausted(`The org has ${count} nodes and may have ${limit}.`);
}

async function chooseHost(
  tx: Database,
  slot: Slot,
  orgId: string,
  model: ImageModel,
  need: { readonly cpuCores: bigint; readonly memoryBytes: bigint; readonly diskBytes: bigint },
): Promise<string> {
  if (slot.kind === "host") return slot.hostId;
  const [best] = await candidateHosts(tx, {
    orgId,
    regionId: slot.regionId,
    protocol: { id: model.version.protocol_id, key: model.version.protocol_key },
    need,
    resource: slot.resource,
    similarity: slot.similarity,
  });
  if (best === undefined) throw failedPrecondition("No matching host.");
  return best.id;
}

const schedulerOf = (slot: Slot): StoredScheduler =>
  slot.kind === "host"
    ? { kind: "host" }
    : { kind: "region", regionId: slot.regionId, resource: slot.resource, similarity: slot.similarity };

function dnsName({ settings }: Platform, { image }: ImageModel, name: string): string {
  const full = `${name}.${settings.dnsBase}`;
  return image.dns_scheme === null ? full : `${image.dns_scheme}://${full}`;
}

type UnnamedNode = Omit<Insertable<Schema["nodes"]>, "node_name" | "display_name" | "dns_name">;

async function insertNamed(tx: Database, row: UnnamedNode, dns: (name: string) => string): Promise<string> {
  for (let attempt = 1; attempt <= nameAttempts; attempt += 1) {
    const name = nodeName(attempt > nameAttempts / 2 ? 4 : 3);
    const inserted = await tx
      .insertInto("nodes")
      .values({ ...row, node_name: name, display_name: name, dns_name: dns(name) })
      .onConflict((conflict) => conflict.constraint("nodes_name").doNothing())
      .returning("id")
      .executeTakeFirst();
    if (inserted !== undefined) return inserted.id;
  }
  throw failedPrecondition("No free node name was found; try again.");
}
