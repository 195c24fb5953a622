import type { Platform } from "../platform.ts";
import { failedPrecondition } from "../rpc-error.ts";
import { belongsTo } from "./manifest/archive-keys.ts";
import type { ManifestChunk } from "./manifest/manifest.ts";
import { downloadLife } from "./slots.ts";
import type { PublishedVersion } from "./versions/find-version.ts";

/** A chunk with its place in the manifest, and where it can be had. */
export interface ServedChunk {
  readonly index: number;
  readonly chunk: ManifestChunk;
  readonly url: string | undefined;
}

/** Chunks by index. Those without stored bytes may be anywhere: only what belongs to the archive is signed. @throws FAILED_PRECONDITION for an unknown index */
export async function serveChunks(
  platform: Platform,
  version: PublishedVersion,
  indexes: readonly number[],
  origin: string | undefined,
): Promise<readonly ServedChunk[]> {
  const chunks = await platform.manifests.chunks(version.storeKey, version.version);
  const seconds = downloadLife(platform);
  const served = await Promise.all(
    indexes.map(async (index) => {
      const chunk = chunks[index];
      if (chunk === undefined) throw failedPrecondition("Unknown chunk index.");
      const url =
        origin === undefined || !belongsTo(version.storeKey, version.version, chunk.key)
          ? undefined
          : await platform.objects.signGet(chunk.key, { seconds, origin });
      return { index, chunk, url };
    }),
  );
  if (origin !== undefined) await noteDownload(platform, version, served);
  return served;
}

const noteEveryMs = 5 * 60_000;

/** Counts downloads by their first chunk, and the bytes of what was signed; remembers that a download runs: what is being downloaded is not removed (CA-6.8). */
async function noteDownload(
  { db }: Platform,
  { storeKey, version, row }: PublishedVersion,
  served: readonly ServedChunk[],
): Promise<void> {
  const begun = served.some(({ index }) => index === 0) ? 1 : 0;
  const bytes = served.reduce((sum, { url, chunk }) => sum + (url === undefined ? 0 : chunk.size), 0);
  if (begun + bytes > 0) {
    await db
      .updateTable("archive_stores")
      .set((expression) => ({
        downloads: expression("downloads", "+", BigInt(begun)),
        served_bytes: expression("served_bytes", "+", BigInt(bytes)),
      }))
      .where("store_key", "=", storeKey)
      .execute();
  }
  if (begun === 0 && Number(row.downloaded_at ?? 0) > Date.now() - noteEveryMs) return;
  await db
    .updateTable("archive_versions")
    .set((expression) => ({ downloads: expression("downloads", "+", begun), downloaded_at: new Date() }))
    .where("store_key", "=", storeKey)
    .where("version", "=", version)
    .execute();
}
