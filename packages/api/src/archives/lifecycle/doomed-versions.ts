import type { Selectable } from "kysely";
import type { Schema } from "../../database/schema.ts";
import type { VersionRow } from "../versions/owner.ts";

const day = 24 * 3600_000;
/** An upload is abandoned so long after its lease has ended. */
const graceMs = 7 * day;
/** Urls of a download that runs live so long. */
const downloadMs = 12 * 3600_000;

export interface Doomed {
  readonly row: VersionRow;
  readonly reason: string;
}

/**
 * What of an archive can go: uploads that nobody continues, and published versions that are neither among the newest `keep_last` nor younger
 * than `keep_days`. Without a policy every published version stays; the newest one always does, and so does one that is being downloaded.
 * @param rows all versions, newest first
 */
export function doomedVersions(
  store: Pick<Selectable<Schema["archive_stores"]>, "keep_last" | "keep_days">,
  rows: readonly VersionRow[],
  now: number,
): readonly Doomed[] {
  const doomed: Doomed[] = [];
  let published = 0;
  for (const row of rows) {
    switch (row.state) {
      case "deleting":
        doomed.push({ row, reason: "its removal was interrupted" });
        break;
      case "uploading":
      case "released":
        if (Number(row.lease_until ?? row.created_at) + graceMs < now) {
          doomed.push({
            row,
            reason: row.state === "released" ? "the upload was given up" : "the upload was abandoned",
          });
        }
        break;
      case "ready":
      case "deprecated": {
        const policy = store.keep_last !== null || store.keep_days !== null;
        // Deprecated versions do not use up places of good ones.
        const place = row.state === "ready" ? ++published : Number.POSITIVE_INFINITY;
        const kept = place <= Math.max(1, store.keep_last ?? 1) || isYoung(row, store.keep_days, now);
        const busy = Number(row.downloaded_at ?? 0) + downloadMs > now;
        if (policy && !kept && !busy) doomed.push({ row, reason: "newer versions replace it" });
      }
    }
  }
  return doomed;
}

const isYoung = (row: VersionRow, keepDays: number | null, now: number): boolean =>
  keepDays !== null && Number(row.published_at ?? row.created_at) + keepDays * day > now;
