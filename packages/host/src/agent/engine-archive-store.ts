import {
  type ArchiveRef,
  ArchiveRefSchema,
  type GetChunksRequest,
  type GetManifestRequest,
  type GetSlotsRequest,
  type GetStoredChunksRequest,
  type ManifestHeader,
  type PutManifestRequest,
  type ReleaseUploadRequest,
} from "@blockvisor/wire/blockvisor/archive/v1/archive";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { maxManifestChunks, type NodeArchives, passedOn, permitted, publishTimeoutMs } from "./engine-archives.ts";

/*
 * What a node may ask of the archive store beyond the reference. Requests go to the API as they are, except for whose they are: the archive
 * has to be one of this node's, the node is set here.
 */

export const slots = (archives: NodeArchives, request: GetSlotsRequest, context: HandlerContext) =>
  passedOn(() => archives.store.getSlots({ ...request, ...ownedBy(archives, request) }, forward(context)));

export const storedChunks = (archives: NodeArchives, request: GetStoredChunksRequest, context: HandlerContext) =>
  passedOn(() =>
    archives.store.getStoredChunks({ ...request, archive: ours(archives, request.archive) }, forward(context)),
  );

export const release = (archives: NodeArchives, request: ReleaseUploadRequest, context: HandlerContext) =>
  passedOn(() => archives.store.releaseUpload({ ...request, ...ownedBy(archives, request) }, forward(context)));

export const manifest = (archives: NodeArchives, request: GetManifestRequest, context: HandlerContext) =>
  passedOn(() =>
    archives.store.getManifest({ ...request, archive: ours(archives, request.archive) }, forward(context)),
  );

export const chunks = (archives: NodeArchives, request: GetChunksRequest, context: HandlerContext) =>
  passedOn(() => archives.store.getChunks({ ...request, archive: ours(archives, request.archive) }, forward(context)));

/** One header, which is made this node's before the API hears of it, then chunks; no more of them than a manifest may have. */
export async function publish(
  archives: NodeArchives,
  parts: AsyncIterable<PutManifestRequest>,
  context: HandlerContext,
) {
  const rest = parts[Symbol.asyncIterator]();
  const first = await rest.next();
  const header = first.done ? undefined : first.value.part;
  if (header?.case !== "header") throw new ConnectError("a manifest is one header, then chunks", Code.InvalidArgument);
  const value = { ...header.value, ...ownedBy(archives, header.value) };
  return passedOn(() =>
    archives.store.putManifest(withHeader(value, { [Symbol.asyncIterator]: () => rest }), {
      timeoutMs: publishTimeoutMs,
      ...forward(context),
    }),
  );
}

async function* withHeader(header: ManifestHeader, rest: AsyncIterable<PutManifestRequest>) {
  yield { part: { case: "header" as const, value: header } };
  let count = 0;
  for await (const { part } of rest) {
    if (part.case !== "chunks") throw new ConnectError("a manifest is one header, then chunks", Code.InvalidArgument);
    count += part.value.chunks.length;
    if (count > maxManifestChunks) throw new ConnectError("too many chunks in the manifest", Code.ResourceExhausted);
    yield { part };
  }
}

const ownedBy = (archives: NodeArchives, { archive }: { readonly archive?: ArchiveRef | undefined }) => ({
  archive: ours(archives, archive),
  nodeId: archives.nodeId,
});

function ours(archives: NodeArchives, reference: ArchiveRef | undefined): ArchiveRef {
  const named = reference?.archive;
  if (named?.case === "archiveId") throw new ConnectError("a node names archives by store key", Code.InvalidArgument);
  const archive =
    named?.case === "storeKey"
      ? { case: "storeKey" as const, value: permitted(archives, named.value) }
      : { case: "archiveId" as const, value: archives.archiveId };
  // The API knows whose nodes a host runs; a public host belongs to none of their orgs.
  return create(ArchiveRefSchema, { archive });
}

/** A call ends with the one it serves, and has its deadline. */
function forward({ signal, timeoutMs }: HandlerContext) {
  const left = timeoutMs();
  return { signal, ...(left === undefined ? {} : { timeoutMs: left }) };
}
