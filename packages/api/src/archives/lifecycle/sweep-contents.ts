import { Code, ConnectError } from "@connectrpc/connect";
import type { Database } from "../../database/open-database.ts";
import { archiveKeys, ownerOfKey } from "../manifest/archive-keys.ts";
import type { ManifestChunk } from "../manifest/manifest.ts";
import { forgetChunk } from "../versions/known-chunks.ts";
import { enterVersions, type FoundVersion, foreignVersions } from "../versions/scan.ts";
import type { Collector } from "./collect-garbage.ts";

const day = 24 * 3600_000;
const graceMs = 7 * day;
/** Nothing is reserved while chunks are removed; renewed as long as it takes. */
const sweepMs = 60_000;

export interface Sweep {
  readonly objects: number;
  readonly bytes: number;
  /** a version of which nobody can say what it refers to: then nothing is removed */
  readonly unreadable?: bigint;
}

const nothing: Sweep = { objects: 0, bytes: 0 };

/**
 * Marks what the manifests of an archive refer to and removes the rest of its content-addressed chunks (babel-agent §9.3). Manifests are those
 * of the object store, not only those of the database, which may be an older one, or not the only one on the bucket: what it does not know is
 * entered first. Nothing is removed while an upload runs, which might count on a chunk that only an older version has.
 */
export async function sweepContents(
  collector: Collector,
  storeKey: string,
  now: number,
  dryRun: boolean,
): Promise<Sweep> {
  const { db, objects, signal } = collector;
  if ((await objects.folders(archiveKeys.contents(storeKey))).length === 0) return nothing;
  if (!dryRun && !(await holdReservations(db, storeKey))) return nothing;
  let [count, bytes, held] = [0, 0, Date.now()];
  const hold = async () => {
    if (dryRun || Date.now() - held < sweepMs / 3) return;
    await holdReservations(db, storeKey);
    held = Date.now();
  };
  try {
    const marked = await mark(collector, storeKey, dryRun, hold);
    if (marked.kind === "uploading") return nothing;
    if (marked.kind === "unreadable") return { ...nothing, unreadable: marked.version };
    for await (const object of objects.list(archiveKeys.contents(storeKey))) {
      signal?.throwIfAborted();
      const owner = ownerOfKey(object.key);
      if (owner?.kind !== "content" || marked.ids.has(owner.id) || Number(object.modified) + graceMs > now) continue;
      count += 1;
      bytes += object.size;
      if (dryRun) continue;
      await hold();
      // The row first: a chunk that is thought to be missing is uploaded again, one that is thought to be there is not.
      await forgetChunk(db, storeKey, owner.id);
      await objects.delete(object.key);
    }
    return { objects: count, bytes };
  } finally {
    if (!dryRun) {
      await db.updateTable("archive_stores").set({ sweeping_until: null }).where("store_key", "=", storeKey).execute();
    }
  }
}

type Marked =
  | { readonly kind: "ids"; readonly ids: ReadonlySet<string> }
  | { readonly kind: "uploading" }
  | { readonly kind: "unreadable"; readonly version: bigint };

/** What published versions refer to. */
async function mark(
  { db, objects, manifests }: Collector,
  storeKey: string,
  dryRun: boolean,
  hold: () => Promise<void>,
): Promise<Marked> {
  const rows = await db
    .selectFrom("archive_versions")
    .selectAll()
    .where("store_key", "=", storeKey)
    .where("state", "in", ["ready", "deprecated", "uploading"])
    .execute();
  if (rows.some((row) => row.state === "uploading")) return { kind: "uploading" };
  const ids = new Set<string>();
  const add = (chunks: readonly ManifestChunk[]) => {
    for (const { id } of chunks) if (id !== undefined) ids.add(id);
  };
  for (const { version } of rows.filter(({ summary }) => summary?.layout === "cas")) {
    const chunks = await manifests.chunks(storeKey, version).catch(unlessUnavailable);
    if (chunks === undefined) return { kind: "unreadable", version };
    add(chunks);
    await hold();
  }
  const known = new Set(rows.map(({ version }) => version));
  const found: FoundVersion[] = [];
  for (const { version, manifest } of await foreignVersions(objects, storeKey, known)) {
    if (manifest === undefined) return { kind: "unreadable", version };
    found.push({ version, manifest });
    add(manifest.chunks);
    await hold();
  }
  if (!dryRun && found.length > 0) await enterVersions(db, storeKey, found);
  return { kind: "ids", ids };
}

/** A store that cannot be asked now is asked another time; what it does not have, or what is no manifest, stays so. */
function unlessUnavailable(error: unknown): undefined {
  const { code } = ConnectError.from(error);
  if (code !== Code.NotFound && code !== Code.DataLoss) throw error;
}

/** @returns false when an upload runs */
async function holdReservations(db: Database, storeKey: string): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    await tx
      .updateTable("archive_stores")
      .set({ sweeping_until: new Date(Date.now() + sweepMs) })
      .where("store_key", "=", storeKey)
      .execute();
    const uploading = await tx
      .selectFrom("archive_versions")
      .select("version")
      .where("store_key", "=", storeKey)
      .where("state", "=", "uploading")
      .executeTakeFirst();
    if (uploading === undefined) return true;
    await tx.updateTable("archive_stores").set({ sweeping_until: null }).where("store_key", "=", storeKey).execute();
    return false;
  });
}
