import { createHash } from "node:crypto";
import { BadChunksSchema } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Database } from "../../database/open-database.ts";
import { type Platform, transact } from "../../platform.ts";
import { type QuotaSettings, requireQuota } from "../access/org-quota.ts";
import { archiveKeys } from "../manifest/archive-keys.ts";
import { checkManifest } from "../manifest/check-manifest.ts";
import { type Manifest, storedSizeOf } from "../manifest/manifest.ts";
import { writeBody, writeHeader } from "../manifest/manifest-json.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { checkObjects } from "./check-objects.ts";
import { giveUp } from "./give-up.ts";
import { addedBytes, enterChunks, forgetChunk, knownOf, sameAsKnown } from "./known-chunks.ts";
import { isOwnedBy, type UploadOwner, type VersionRow } from "./owner.ts";
import { lostLease, taken } from "./reserve.ts";
import { readPublished } from "./scan.ts";

export interface Publication {
  readonly storeKey: string;
  readonly version: bigint;
  readonly owner: UploadOwner;
  readonly manifest: Manifest;
}

/** How long a publisher that stopped keeps others from publishing another content as the same version. */
const claimMs = 60_000;
const mostNamed = 100;

/**
 * Publishes a version (D6-04, D6-05): a claim in the database, a look at every object, body, header if absent, and the row. Killed at any
 * point, the same call again ends the same way; a reader never sees a header without its body.
 * @throws INVALID_ARGUMENT, FAILED_PRECONDITION (with the bad chunks, or the lease is lost), ALREADY_EXISTS, UNAVAILABLE
 */
export async function publish(platform: Platform, publication: Publication): Promise<void> {
  const { storeKey, version, manifest } = publication;
  checkManifest(manifest);
  const [header, body] = [writeHeader(manifest.summary), writeBody(manifest.chunks)];
  const digest = createHash("sha256").update(header).update("\n").update(body).digest();
  const running = publishing.get(platform.objects) ?? new Map<string, Promise<void>>();
  publishing.set(platform.objects, running);
  const { resource, uploadId } = publication.owner;
  const name = `${resource.id}/${uploadId}/${storeKey}/${version}/${digest.toString("hex")}`;
  const already = running.get(name);
  if (already !== undefined) return already;
  const publishes = publishOnce(platform, publication, { header, body, digest }).finally(() => running.delete(name));
  running.set(name, publishes);
  return publishes;
}

/** A caller that lost its patience and asks again waits for the first call's end instead of doing everything twice. */
const publishing = new WeakMap<ObjectStore, Map<string, Promise<void>>>();

interface WrittenManifest {
  readonly header: Buffer;
  readonly body: Buffer;
  readonly digest: Buffer;
}

async function publishOnce(platform: Platform, publication: Publication, written: WrittenManifest): Promise<void> {
  const { storeKey, version, manifest } = publication;
  const { header, body, digest } = written;
  const { objects } = platform;
  const claimed = await transact(platform, (tx) => claim(tx, publication, digest, platform.settings));
  if (claimed === "done") return;
  try {
    let renewed = Date.now();
    const bad = await checkObjects(objects, manifest, archiveKeys.files(storeKey, version), async () => {
      if (Date.now() - renewed < claimMs / 3) return;
      renewed = Date.now();
      await transact(platform, (tx) => claim(tx, publication, digest));
    });
    if (bad.indexes.length > 0 || bad.files) {
      // Content known as stored would be left out of the next upload, too.
      for (const index of bad.indexes) {
        const id = manifest.chunks[index]?.id;
        if (id !== undefined) await forgetChunk(platform.db, storeKey, id);
      }
      throw badChunks(bad.indexes, bad.files);
    }
    if (!(await writeManifest(objects, publication, header, body))) {
      const published = await readPublished(objects, storeKey, version);
      // What is there and cannot be read is not ours to replace.
      await transact(platform, (tx) =>
        published === undefined ? giveUp(tx, storeKey, version) : adopt(tx, publication, published),
      );
      throw taken(version);
    }
    await transact(platform, (tx) => finish(tx, publication, digest));
  } catch (error) {
    await transact(platform, (tx) => unclaim(tx, publication, digest)).catch(() => {});
    throw error;
  }
}

/** @param settings where the quota is to be looked at, too */
async function claim(
  tx: Database,
  publication: Publication,
  digest: Buffer,
  settings?: QuotaSettings,
): Promise<"claimed" | "done"> {
  const { storeKey, version, owner } = publication;
  const row = await lockVersion(tx, publication);
  if (row === undefined) throw lostLease(version);
  if (row.state === "ready" || row.state === "deprecated") {
    if (row.digest !== null && digest.equals(row.digest)) return "done";
    throw taken(version);
  }
  if (row.state !== "uploading" || !isOwnedBy(row, owner)) throw lostLease(version);
  const other = row.publishing_digest !== null && !digest.equals(row.publishing_digest);
  if (other && Number(row.publishing_until) > Date.now()) {
    throw new ConnectError(`Version ${version} is being published with another content; try again.`, Code.Unavailable);
  }
  const known = await knownOf(tx, storeKey, publication.manifest);
  if (!sameAsKnown(known, publication.manifest)) {
    throw new ConnectError(
      "chunks: some are stored already with another size or checksum; ask for the stored chunks again",
      Code.FailedPrecondition,
    );
  }
  if (settings !== undefined) {
    const bytes = addedBytes(known, publication.manifest);
    await requireQuota(tx, settings, owner.orgId, { bytes, begins: false });
  }
  const until = Date.now() + claimMs;
  await tx
    .updateTable("archive_versions")
    .set({
      publishing_digest: digest,
      publishing_until: new Date(until),
      lease_until: new Date(Math.max(until, Number(row.lease_until ?? 0))),
    })
    .where("store_key", "=", storeKey)
    .where("version", "=", version)
    .execute();
  return "claimed";
}

async function unclaim(tx: Database, { storeKey, version }: Publication, digest: Buffer): Promise<void> {
  await tx
    .updateTable("archive_versions")
    .set({ publishing_digest: null, publishing_until: null })
    .where("store_key", "=", storeKey)
    .where("version", "=", version)
    .where("state", "=", "uploading")
    .where("publishing_digest", "=", digest)
    .execute();
}

/** @returns false when another manifest lies there */
async function writeManifest(
  objects: ObjectStore,
  { storeKey, version }: Publication,
  header: Buffer,
  body: Buffer,
): Promise<boolean> {
  const headerKey = archiveKeys.header(storeKey, version);
  const bodyKey = archiveKeys.body(storeKey, version);
  // Once there is a header the version is public: the body below it is not touched any more.
  if ((await objects.head(headerKey)) === undefined) {
    await objects.put(bodyKey, body);
    if (await objects.create(headerKey, header)) return true;
  }
  const [storedHeader, storedBody] = [
    await objects.get(headerKey, header.length).catch(tooLarge),
    await objects.get(bodyKey, body.length).catch(tooLarge),
  ];
  return storedHeader?.equals(header) === true && storedBody?.equals(body) === true;
}

function tooLarge(error: unknown): undefined {
  if (!(error instanceof RangeError)) throw error;
}

async function finish(tx: Database, publication: Publication, digest: Buffer): Promise<void> {
  const { storeKey, version, manifest } = publication;
  const row = await lockVersion(tx, publication);
  if (row?.state === "ready" && row.digest !== null && digest.equals(row.digest)) return;
  // The lease was extended with the claim, so only a clock that jumped can have let somebody in.
  if (row?.state !== "uploading") throw lostLease(version);
  await enterChunks(tx, storeKey, manifest, publication.owner.orgId);
  await tx
    .updateTable("archive_versions")
    .set({
      state: "ready",
      digest,
      summary: JSON.stringify(manifest.summary),
      stored_size: BigInt(storedSizeOf(manifest)),
      published_at: new Date(),
      lease_until: null,
      publishing_digest: null,
      publishing_until: null,
    })
    .where("store_key", "=", storeKey)
    .where("version", "=", version)
    .execute();
}

/** The object store has the version already, from a publisher whose last step is missing or from another server: that one counts. */
export async function adopt(
  tx: Database,
  { storeKey, version }: Pick<Publication, "storeKey" | "version">,
  published: Manifest,
): Promise<void> {
  await enterChunks(tx, storeKey, published);
  await tx
    .updateTable("archive_versions")
    .set({ state: "ready", summary: JSON.stringify(published.summary), lease_until: null, published_at: new Date() })
    .where("store_key", "=", storeKey)
    .where("version", "=", version)
    .where("state", "in", ["uploading", "released"])
    .execute();
}

const lockVersion = (tx: Database, { storeKey, version }: Publication): Promise<VersionRow | undefined> =>
  tx
    .selectFrom("archive_versions")
    .selectAll()
    .where("store_key", "=", storeKey)
    .where("version", "=", version)
    .forUpdate()
    .executeTakeFirst();

function badChunks(indexes: readonly number[], files: boolean): ConnectError {
  const named = indexes.slice(0, mostNamed);
  const rest = indexes.length > named.length ? ` and ${indexes.length - named.length} more` : "";
  const what = [...(named.length === 0 ? [] : [`${named.join(", ")}${rest}`]), ...(files ? ["the files object"] : [])];
  return new ConnectError(
    `chunks: not stored with the stated size: ${what.join("; ")}`,
    Code.FailedPrecondition,
    undefined,
    [{ desc: BadChunksSchema, value: { indexes: [...named], files } }],
  );
}
