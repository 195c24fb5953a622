import type { HostServiceListRegionsRequest } from "@blockvisor/wire/blockjoy/v1/host";
import type { Caller } from "../auth/caller.ts";
import type { Database } from "../database/open-database.ts";
import { loadImage } from "../images/image-model.ts";
import { seenBy, viewerOf } from "../protocols/catalogue.ts";
import { notFound } from "../rpc-error.ts";
import { uuid } from "../wire-fields.ts";
import { regionMessage } from "./host-message.ts";
import { candidateHosts } from "./placement.ts";

/** Where an image can be launched now, and how many nodes of its smallest size fit (spec §2.6, CA-2.24). */
export async function listRegions(db: Database, caller: Caller, request: HostServiceListRegionsRequest) {
  const orgIds = request.orgId === undefined ? [] : [uuid(request.orgId, "org_id")];
  const id = uuid(request.imageId, "image_id");
  const seen = await db
    .selectFrom("images")
    .select("id")
    .where("id", "=", id)
    .where(seenBy(viewerOf(caller, orgIds), "images"))
    .executeTakeFirst();
  if (seen === undefined) throw notFound("Image");
  const { image, version } = await loadImage(db, id);
  const hosts = await candidateHosts(db, {
    ...(request.orgId === undefined ? {} : { orgId: request.orgId }),
    protocol: { id: version.protocol_id, key: version.protocol_key },
    need: { cpuCores: image.min_cpu_cores, memoryBytes: image.min_memory_bytes, diskBytes: image.min_disk_bytes },
  });
  const regions = await db.selectFrom("regions").selectAll().orderBy("key").execute();
  return {
    regions: regions.flatMap((region) => {
      const inRegion = hosts.filter((host) => host.region_id === region.id);
      if (inRegion.length === 0) return [];
      const room = inRegion.reduce((total, host) => total + host.room, 0n);
      return [{ region: regionMessage(region), validHosts: inRegion.length, freeIps: Number(room) }];
    }),
  };
}
