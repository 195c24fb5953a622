import type { ArchiveChunk, ArchiveService } from "@blockvisor/wire/blockjoy/v1/archive";
import type { ArchiveStoreService } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import type {
  GetDownloadChunksRequest,
  GetDownloadMetadataRequest,
  GetUploadSlotsRequest,
  PutDownloadManifestRequest,
} from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { type Client, Code, ConnectError } from "@connectrpc/connect";

/** What a node may do with archives: those of its own image and of its plugin's services, nothing else (spec babel-agent D1-07). */
export interface NodeArchives {
  readonly client: Client<typeof ArchiveService>;
  readonly store: Client<typeof ArchiveStoreService>;
  readonly nodeId: string;
  readonly archiveId: string;
  readonly storeKeys: ReadonlySet<string>;
  /** Hears of store keys that the node asked for and that are not its own (spec babel-agent T-27). */
  readonly refused: (storeKey: string) => void;
}

const second = 1000;

/** The API looks at every object of an archive before it publishes it, and there may be a hundred thousand of them. */
export const publishTimeoutMs = 10 * 60 * second;

/** Most chunks a manifest may have: bounds what one node can make the daemon hold. */
export const maxManifestChunks = 1_000_000;

export function downloadMetadata(archives: NodeArchives, request: GetDownloadMetadataRequest) {
  const common = optional("dataVersion", request.dataVersion);
  const options = { timeoutMs: 60 * second };
  return passedOn(() =>
    request.storeKey === undefined
      ? archives.client.getDownloadMetadata({ archiveId: archives.archiveId, ...common }, options)
      : archives.client.getDownloadMetadataByStoreKey(
          { storeKey: permitted(archives, request.storeKey), ...common },
          options,
        ),
  );
}

export function downloadChunks(archives: NodeArchives, request: GetDownloadChunksRequest) {
  const { dataVersion, chunkIndexes } = request;
  const common = { dataVersion, chunkIndexes };
  const options = { timeoutMs: 60 * second };
  return passedOn(() =>
    request.storeKey === undefined
      ? archives.client.getDownloadChunks({ archiveId: archives.archiveId, ...common }, options)
      : archives.client.getDownloadChunksByStoreKey(
          { storeKey: permitted(archives, request.storeKey), ...common },
          options,
        ),
  );
}

export function uploadSlots(archives: NodeArchives, request: GetUploadSlotsRequest) {
  const common = {
    slotIndexes: request.slotIndexes,
    ...optional("dataVersion", request.dataVersion),
    ...optional("urlExpires", request.urlExpiresSecs),
  };
  const options = { timeoutMs: 60 * second, headers: uploader(archives) };
  return passedOn(() =>
    request.storeKey === undefined
      ? archives.client.getUploadSlots({ archiveId: archives.archiveId, ...common }, options)
      : archives.client.getUploadSlotsByStoreKey(
          { storeKey: permitted(archives, request.storeKey), ...common },
          options,
        ),
  );
}

/** Chunks are numbered by their position, whatever index they came with (spec babel-agent §1.17). */
export async function putManifest(
  archives: NodeArchives,
  parts: AsyncIterable<PutDownloadManifestRequest>,
): Promise<void> {
  const chunks: ArchiveChunk[] = [];
  let header: Extract<PutDownloadManifestRequest["part"], { case: "header" }>["value"] | undefined;
  for await (const { part } of parts) {
    if (part.case === "header" && header === undefined) header = part.value;
    else if (part.case === "chunks" && header !== undefined) chunks.push(...part.value.chunks);
    else throw new ConnectError("a manifest is one header, then chunks", Code.InvalidArgument);
    if (chunks.length > maxManifestChunks)
      throw new ConnectError("too many chunks in the manifest", Code.ResourceExhausted);
  }
  if (header === undefined || header.chunks !== chunks.length) {
    throw new ConnectError("the manifest is incomplete", Code.InvalidArgument);
  }
  chunks.forEach((chunk, index) => {
    chunk.index = index;
  });
  const { dataVersion, totalSize } = header;
  const common = {
    dataVersion,
    totalSize,
    chunks,
    ...optional("compression", header.compression),
  };
  const options = { timeoutMs: publishTimeoutMs, headers: uploader(archives) };
  const { storeKey } = header;
  await passedOn(() =>
    storeKey === undefined
      ? archives.client.putDownloadManifest({ archiveId: archives.archiveId, ...common }, options)
      : archives.client.putDownloadManifestByStoreKey({ storeKey: permitted(archives, storeKey), ...common }, options),
  );
}

/** An upload belongs to the node, of which the reference's requests say nothing: two nodes of a host are two uploaders. */
const uploader = ({ nodeId }: NodeArchives) => ({ "blockvisor-node-id": nodeId });

export function permitted(archives: NodeArchives, storeKey: string): string {
  if (archives.storeKeys.has(storeKey)) return storeKey;
  archives.refused(storeKey);
  throw new ConnectError(`store key '${storeKey}' does not belong to this node`, Code.PermissionDenied);
}

function optional<K extends string, T>(key: K, value: T | undefined): Partial<Record<K, T>> {
  return value === undefined ? {} : ({ [key]: value } as Partial<Record<K, T>>);
}

/** What the API refuses, it refuses the node with the same code and details; its headers are between it and us. */
export async function passedOn<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const { rawMessage, code, details } = ConnectError.from(error);
    const failure = new ConnectError(rawMessage, code);
    failure.details = details;
    throw failure;
  }
}
