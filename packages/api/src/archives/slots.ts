import { type Platform, transact } from "../platform.ts";
import { outOfRange } from "../rpc-error.ts";
import { requireQuota } from "./access/org-quota.ts";
import { archiveKeys } from "./manifest/archive-keys.ts";
import { maxChunks } from "./manifest/manifest.ts";
import type { UploadOwner } from "./versions/owner.ts";
import { reserve } from "./versions/reserve.ts";
import { scanOnce } from "./versions/scan.ts";

export const mostPerRequest = 100;

const day = 24 * 3600;
const shortestUrl = 15 * 60;
/** what a V4 signature may live at most, too */
const longestUpload = 7 * day;
const longestDownload = 12 * 3600;
const shortestLease = day;

/** Clamped instead of refused (D6-08). */
const clamp = (seconds: number, most: number) => Math.min(most, Math.max(shortestUrl, seconds));

export const uploadLife = (asked: number | undefined): number => clamp(asked ?? longestUpload, longestUpload);

export const downloadLife = ({ settings }: Platform): number => clamp(settings.presignedUrlExpiration, longestDownload);

/**
 * Reserves or renews: for a day from now on, and never for less than the urls live that are signed with it (D6-03).
 * @param urlSeconds life of those urls; 0: none are signed @param bytes that are to be stored, where they are known
 * @throws RESOURCE_EXHAUSTED when the quota of the owner's org is used up
 */
export async function reserveVersion(
  platform: Platform,
  storeKey: string,
  owner: UploadOwner,
  wanted: bigint | undefined,
  urlSeconds: number,
  bytes = 0n,
) {
  await scanOnce(platform.db, platform.objects, storeKey);
  return transact(platform, async (tx) => {
    const reservation = await reserve(tx, storeKey, owner, wanted, Math.max(shortestLease, urlSeconds));
    // What is refused here is not reserved: the transaction ends with it.
    await requireQuota(tx, platform.settings, owner.orgId, { bytes, begins: reservation.isNew });
    return reservation;
  });
}

export function partKey(storeKey: string, version: bigint, index: number): string {
  if (index >= maxChunks) throw outOfRange("slot_indexes", `a version has at most ${maxChunks} chunks`);
  return archiveKeys.part(storeKey, version, index);
}

export function atMost(count: number, most: number, field: string): void {
  if (count > most) throw outOfRange(field, `at most ${most} per request`);
}
