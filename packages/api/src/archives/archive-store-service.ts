import type {
  ArchiveRef,
  ArchiveStoreService,
  GetChunksRequest,
  PutManifestRequest,
} from "@blockvisor/wire/blockvisor/archive/v1/archive";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { callerOf } from "../auth/caller.ts";
import { type Platform, transact } from "../platform.ts";
import { positive } from "../wire-fields.ts";
import { storeKeyOf, targetOf } from "./access/archive-target.ts";
import { requireUploadGrant, uploadOwner } from "./access/upload-grant.ts";
import { urlOrigin } from "./access/url-origin.ts";
import { administration } from "./administration.ts";
import { serveChunks } from "./chunks.ts";
import { listArchives } from "./list-archives.ts";
import { archiveKeys } from "./manifest/archive-keys.ts";
import { chunkMessage, contentId, summaryMessage } from "./manifest/manifest-messages.ts";
import { collectManifest } from "./manifest/manifest-stream.ts";
import { inPage } from "./manifest/page.ts";
import { signSlots } from "./sign-slots.ts";
import { atMost, downloadLife, mostPerRequest, reserveVersion, uploadLife } from "./slots.ts";
import { storedChunkMessage } from "./stored-chunk-message.ts";
import { findVersion } from "./versions/find-version.ts";
import { knownChunks } from "./versions/known-chunks.ts";
import { publish } from "./versions/publish.ts";
import { release } from "./versions/release.ts";

const mostIds = 1000;

/** `blockvisor.archive.v1.ArchiveStoreService`: what archives need beyond the reference's contract. */
export function archiveStoreService(platform: Platform): ServiceImpl<typeof ArchiveStoreService> {
  const { db, objects } = platform;
  const keyOf = (context: HandlerContext, ref: ArchiveRef | undefined) =>
    storeKeyOf(db, callerOf(context), targetOf(ref));
  const uploader = async (
    context: HandlerContext,
    request: {
      readonly archive?: ArchiveRef | undefined;
      readonly nodeId?: string | undefined;
      readonly uploadId?: string | undefined;
    },
  ) => {
    const caller = callerOf(context);
    const storeKey = await keyOf(context, request.archive);
    await requireUploadGrant(platform, caller, storeKey);
    return { storeKey, owner: await uploadOwner(platform, caller, request) };
  };
  const published = async (context: HandlerContext, ref: ArchiveRef | undefined, version: bigint | undefined) => {
    const storeKey = await keyOf(context, ref);
    const wanted = version === undefined ? undefined : positive(version, "data_version");
    return findVersion(db, objects, storeKey, wanted);
  };

  return {
    async getSlots(request, context) {
      atMost(request.slots.length, mostPerRequest, "slots");
      const { storeKey, owner } = await uploader(context, request);
      const seconds = uploadLife(request.urlExpires);
      const wanted = request.dataVersion === undefined ? undefined : positive(request.dataVersion, "data_version");
      const bytes = request.slots.reduce((sum, { size }) => sum + (size ?? 0n), 0n);
      const signed = request.slots.length === 0 ? 0 : seconds;
      const { version, leaseUntil } = await reserveVersion(platform, storeKey, owner, wanted, signed, bytes);
      const options = { seconds, origin: await urlOrigin(platform, context) };
      return {
        dataVersion: version,
        slots: await signSlots(platform, storeKey, version, request.slots, options),
        maxObjectBytes: BigInt(objects.maxObjectBytes),
        leaseUntil: unixSeconds(leaseUntil),
      };
    },

    async getStoredChunks({ archive, ids }, context) {
      atMost(ids.length, mostIds, "ids");
      const { storeKey } = await uploader(context, { archive });
      const known = await knownChunks(
        db,
        storeKey,
        ids.map((id) => contentId(id, "ids")),
      );
      return { chunks: [...known.values()].map(storedChunkMessage) };
    },

    async putManifest(parts: AsyncIterable<PutManifestRequest>, context) {
      const { header, chunks } = await collectManifest(parts);
      // The access table cannot see into a stream: the org is checked here.
      const orgId = header.archive?.orgId;
      await callerOf(context).require({
        permission: "archive-put-download-manifest",
        admin: ["archive-admin-put-download-manifest"],
        targets: orgId === undefined ? [] : [{ kind: "org", id: orgId, field: "org_id" }],
      });
      const { storeKey, owner } = await uploader(context, header);
      const version = positive(header.dataVersion, "data_version");
      await publish(platform, { storeKey, version, owner, manifest: chunks(storeKey, version) });
      return {};
    },

    async releaseUpload(request, context) {
      const { storeKey, owner } = await uploader(context, request);
      const version = positive(request.dataVersion, "data_version");
      await transact(platform, (tx) => release(tx, storeKey, version, owner));
      return {};
    },

    async getManifest({ archive, dataVersion }, context) {
      const { storeKey, version, summary, row } = await published(context, archive, dataVersion);
      const options = { seconds: downloadLife(platform), origin: await urlOrigin(platform, context) };
      return {
        dataVersion: version,
        summary: summaryMessage(summary),
        storedSize: row.stored_size ?? 0n,
        ...(row.published_at === null ? {} : { publishedAt: unixSeconds(row.published_at) }),
        ...(summary.files === undefined
          ? {}
          : { filesUrl: await objects.signGet(archiveKeys.files(storeKey, version), options) }),
        digest: row.digest === null ? new Uint8Array() : Uint8Array.from(row.digest),
      };
    },

    async getChunks(request: GetChunksRequest, context) {
      const { archive, dataVersion, first, count, indexes, urls } = request;
      const wanted = indexes.length > 0 ? indexes : { first, count };
      const size = indexes.length > 0 ? indexes.length : count;
      atMost(size, urls ? mostPerRequest : mostIds, indexes.length > 0 ? "indexes" : "count");
      const version = await published(context, archive, positive(dataVersion, "data_version"));
      const all = await platform.manifests.chunks(version.storeKey, version.version);
      const page = inPage(all, wanted);
      const served = await serveChunks(platform, version, page, urls ? await urlOrigin(platform, context) : undefined);
      return {
        chunks: served.map(({ chunk, index, url }) => chunkMessage(chunk, index, url)),
        urlsExpireAt: urls ? BigInt(Math.floor(Date.now() / 1000) + downloadLife(platform)) : 0n,
      };
    },

    listArchives: (request, context) => listArchives(db, callerOf(context), request),
    ...administration(platform),
  };
}

const unixSeconds = (date: Date) => BigInt(Math.floor(Number(date) / 1000));
