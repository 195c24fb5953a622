import type { Database } from "../../database/open-database.ts";
import {
  type ChunkChecksum,
  type Manifest,
  type ManifestChunk,
  type ManifestSummary,
  storedSizeOf,
} from "../manifest/manifest.ts";

/** A chunk of a content-addressed archive that a published version refers to. */
export interface KnownChunk {
  readonly id: string;
  readonly size: number;
  readonly checksum: ChunkChecksum;
  readonly codec: Codec;
}

type Codec = "none" | "zstd";

const codecOf = ({ codec }: ManifestChunk, { zstd }: ManifestSummary): Codec =>
  codec ?? (zstd === undefined ? "none" : "zstd");

const perStatement = 1000;

/** Which of these ids the archive has. Never those of another archive (D6-01). @param ids in hex */
export async function knownChunks(
  db: Database,
  storeKey: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, KnownChunk>> {
  const known = new Map<string, KnownChunk>();
  for (let at = 0; at < ids.length; at += perStatement) {
    const rows = await db
      .selectFrom("archive_chunks")
      .selectAll()
      .where("store_key", "=", storeKey)
      .where(
        "id",
        "in",
        ids.slice(at, at + perStatement).map((id) => Buffer.from(id, "hex")),
      )
      .execute();
    for (const row of rows) {
      const id = Buffer.from(row.id).toString("hex");
      const [kind, value = ""] = row.checksum.split(":");
      known.set(id, {
        id,
        size: Number(row.size),
        checksum: { kind: kind as ChunkChecksum["kind"], value },
        codec: row.codec,
      });
    }
  }
  return known;
}

/** What of a manifest's content the archive has already. */
export function knownOf(
  db: Database,
  storeKey: string,
  { chunks }: Manifest,
): Promise<ReadonlyMap<string, KnownChunk>> {
  const ids = [...new Set(chunks.flatMap(({ id }) => (id === undefined ? [] : [id])))];
  return knownChunks(db, storeKey, ids);
}

/** Bytes that a manifest adds to an archive. */
export function addedBytes(known: ReadonlyMap<string, KnownChunk>, { chunks, summary }: Manifest): bigint {
  if (summary.layout === "parts") return BigInt(storedSizeOf({ chunks, summary }));
  const fresh = new Map(chunks.flatMap(({ id, size }) => (id === undefined || known.has(id) ? [] : [[id, size]])));
  return BigInt([...fresh.values()].reduce((sum, size) => sum + size, 0));
}

/** Whether a manifest says about stored chunks what is known about them: their objects are never replaced. */
export function sameAsKnown(known: ReadonlyMap<string, KnownChunk>, { chunks, summary }: Manifest): boolean {
  return chunks.every((chunk) => {
    const before = chunk.id === undefined ? undefined : known.get(chunk.id);
    if (before === undefined) return true;
    const { kind, value } = before.checksum;
    const same = before.size === chunk.size && kind === chunk.checksum.kind && value === chunk.checksum.value;
    return same && before.codec === codecOf(chunk, summary);
  });
}

/** @param orgId whose quota those use that are new */
export async function enterChunks(
  tx: Database,
  storeKey: string,
  { chunks, summary }: Manifest,
  orgId: string | null = null,
): Promise<void> {
  const rows = new Map(
    chunks.flatMap((chunk) => {
      if (chunk.id === undefined || chunk.size === 0) return [];
      const row = {
        store_key: storeKey,
        id: Buffer.from(chunk.id, "hex"),
        size: BigInt(chunk.size),
        checksum: `${chunk.checksum.kind}:${chunk.checksum.value}`,
        codec: codecOf(chunk, summary),
        org_id: orgId,
      };
      return [[chunk.id, row] as const];
    }),
  );
  const values = [...rows.values()];
  for (let at = 0; at < values.length; at += perStatement) {
    await tx
      .insertInto("archive_chunks")
      .values(values.slice(at, at + perStatement))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

export async function forgetChunk(db: Database, storeKey: string, id: string): Promise<void> {
  await db
    .deleteFrom("archive_chunks")
    .where("store_key", "=", storeKey)
    .where("id", "=", Buffer.from(id, "hex"))
    .execute();
}
