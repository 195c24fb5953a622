import type {
  ArchiveService,
  ArchiveServiceGetUploadSlotsRequest,
  ArchiveServicePutDownloadManifestByStoreKeyRequest,
  ArchiveServicePutDownloadManifestRequest,
} from "@blockvisor/wire/blockjoy/v1/archive";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { callerOf } from "../auth/caller.ts";
import type { Platform } from "../platform.ts";
import { int8, positive } from "../wire-fields.ts";
import { type ArchiveTarget, storeKeyOf } from "./access/archive-target.ts";
import { requireUploadGrant, uploadOwner } from "./access/upload-grant.ts";
import { urlOrigin } from "./access/url-origin.ts";
import { serveChunks } from "./chunks.ts";
import { discoverClientArchives, recordClient } from "./client-archives.ts";
import { archiveChunkMessage, chunkOf, compressionMessage, extended, zstdOf } from "./manifest/manifest-messages.ts";
import { atMost, mostPerRequest, partKey, reserveVersion, uploadLife } from "./slots.ts";
import { findVersion } from "./versions/find-version.ts";
import { publish } from "./versions/publish.ts";

/** A node of the calling host, for which it uploads: the contract has no field for it. */
const nodeHeader = "blockvisor-node-id";

type Slots = Pick<ArchiveServiceGetUploadSlotsRequest, "dataVersion" | "urlExpires" | "slotIndexes">;
type Put = Pick<ArchiveServicePutDownloadManifestRequest, "dataVersion" | "totalSize" | "compression" | "chunks">;

/** `blockjoy.v1.ArchiveService` as the reference has it (babel-agent §6), with D6-01 – D6-06, D6-08, D6-11, D6-12. */
export function archiveService(platform: Platform): Partial<ServiceImpl<typeof ArchiveService>> {
  const keyOf = (context: HandlerContext, target: ArchiveTarget) => storeKeyOf(platform.db, callerOf(context), target);

  const metadata = async (target: ArchiveTarget, dataVersion: bigint | undefined, context: HandlerContext) => {
    const storeKey = await keyOf(context, target);
    const { version, summary } = await findVersion(platform.db, platform.objects, storeKey, optional(dataVersion));
    return {
      dataVersion: version,
      totalSize: BigInt(summary.totalSize),
      chunks: summary.chunks,
      ...(summary.zstd === undefined ? {} : { compression: compressionMessage(summary.zstd) }),
    };
  };

  const chunks = async (
    target: ArchiveTarget,
    request: { readonly dataVersion: bigint; readonly chunkIndexes: readonly number[] },
    context: HandlerContext,
  ) => {
    atMost(request.chunkIndexes.length, mostPerRequest, "chunk_indexes");
    const storeKey = await keyOf(context, target);
    const version = await findVersion(
      platform.db,
      platform.objects,
      storeKey,
      positive(request.dataVersion, "data_version"),
    );
    const served = await serveChunks(platform, version, request.chunkIndexes, await urlOrigin(platform, context));
    return { chunks: served.map(({ chunk, index, url }) => archiveChunkMessage(chunk, index, url)) };
  };

  const slots = async (target: ArchiveTarget, request: Slots, context: HandlerContext) => {
    atMost(request.slotIndexes.length, mostPerRequest, "slot_indexes");
    const { storeKey, owner } = await uploader(target, context);
    const seconds = uploadLife(request.urlExpires);
    const signed = request.slotIndexes.length === 0 ? 0 : seconds;
    const { version } = await reserveVersion(platform, storeKey, owner, optional(request.dataVersion), signed);
    const origin = await urlOrigin(platform, context);
    return {
      dataVersion: version,
      slots: await Promise.all(
        request.slotIndexes.map(async (index) => {
          const key = partKey(storeKey, version, index);
          return { index, key, url: (await platform.objects.signPut(key, { seconds, origin })).url };
        }),
      ),
    };
  };

  const put = async (target: ArchiveTarget, request: Put, context: HandlerContext) => {
    const { storeKey, owner } = await uploader(target, context);
    const version = positive(request.dataVersion, "data_version");
    const zstd = zstdOf(request.compression);
    const place = { storeKey, version, layout: "parts" } as const;
    await publish(platform, {
      storeKey,
      version,
      owner,
      manifest: {
        summary: {
          totalSize: Number(int8(request.totalSize, "total_size")),
          ...(zstd === undefined ? {} : { zstd }),
          chunks: request.chunks.length,
          layout: "parts",
          format: 1,
          requires: [],
          source: {},
        },
        chunks: extended(request.chunks).map((chunk, index) => chunkOf(chunk, { ...place, index })),
      },
    });
    return storeKey;
  };

  const uploader = async (target: ArchiveTarget, context: HandlerContext) => {
    const caller = callerOf(context);
    const storeKey = await keyOf(context, target);
    await requireUploadGrant(platform, caller, storeKey);
    const nodeId = context.requestHeader.get(nodeHeader) ?? undefined;
    return { storeKey, owner: await uploadOwner(platform, caller, { nodeId }) };
  };

  return {
    getDownloadMetadata: (request, context) => metadata(byId(request), request.dataVersion, context),
    getDownloadMetadataByStoreKey: (request, context) => metadata(byKey(request), request.dataVersion, context),
    getDownloadMetadataForClient: (request, context) => metadata(byKey(request), request.dataVersion, context),
    getDownloadChunks: (request, context) => chunks(byId(request), request, context),
    getDownloadChunksByStoreKey: (request, context) => chunks(byKey(request), request, context),
    getUploadSlots: (request, context) => slots(byId(request), request, context),
    getUploadSlotsByStoreKey: (request, context) => slots(byKey(request), request, context),
    async putDownloadManifest(request, context) {
      await put(byId(request), request, context);
      return {};
    },
    async putDownloadManifestByStoreKey(request: ArchiveServicePutDownloadManifestByStoreKeyRequest, context) {
      const storeKey = await put(byKey(request), request, context);
      await recordClient(platform.db, callerOf(context), storeKey, request);
      return {};
    },
    discoverClientArchives: async (request, context) => ({
      clientArchives: await discoverClientArchives(platform.db, callerOf(context), request),
    }),
  };
}

const byId = ({ archiveId, orgId }: { readonly archiveId: string; readonly orgId?: string | undefined }) =>
  ({ kind: "id", archiveId, orgId }) as const;
const byKey = ({ storeKey, orgId }: { readonly storeKey: string; readonly orgId?: string | undefined }) =>
  ({ kind: "key", storeKey, orgId }) as const;

const optional = (version: bigint | undefined) =>
  version === undefined ? undefined : positive(version, "data_version");
