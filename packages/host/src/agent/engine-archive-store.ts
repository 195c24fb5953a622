import {
  type ArchiveRef,
  ArchiveRefSchema,
  type ArchiveStoreService,
  type ManifestHeader,
  type PutManifestRequest,
} from "@blockvisor/wire/blockvisor/archive/v1/archive";
import type { BabelEngine } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { create } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { maxManifestChunks, type NodeArchives, passedOn, permitted, publishTimeoutMs } from "./engine-archives.ts";

/*
 * What a node, or an operator's tool, may ask of the archive store beyond the reference. Requests go to the API as they are, except for whose
 * they are: the archive has to be one of the asker's, the node is set here.
 */

export interface StoreAccess {
  readonly store: Client<typeof ArchiveStoreService>;
  /** Undefined: the host itself. */
  readonly nodeId: string | undefined;
  /** The archive that is meant. Errors: ConnectError for one that is not the asker's. */
  readonly archive: (reference: ArchiveRef | undefined) => ArchiveRef;
}

export type ArchiveCall =
  | "getSlots"
  | "getStoredChunks"
  | "putManifest"
  | "releaseUpload"
  | "getManifest"
  | "getChunks";

/** The archive calls of `BabelEngine`. `admit` says what the asker of a call may do, or throws. */
export function archiveCalls(
  admit: (context: HandlerContext, call: ArchiveCall) => StoreAccess | Promise<StoreAccess>,
): Pick<ServiceImpl<typeof BabelEngine>, ArchiveCall> {
  return {
    getSlots: async (request, context) => {
      const access = await admit(context, "getSlots");
      return passedOn(() => access.store.getSlots({ ...request, ...ownedBy(access, request) }, forward(context)));
    },
    getStoredChunks: async (request, context) => {
      const access = await admit(context, "getStoredChunks");
      return passedOn(() => access.store.getStoredChunks({ ...request, ...meant(access, request) }, forward(context)));
    },
    putManifest: async (parts, context) => publish(await admit(context, "putManifest"), parts, context),
    releaseUpload: async (request, context) => {
      const access = await admit(context, "releaseUpload");
      return passedOn(() => access.store.releaseUpload({ ...request, ...ownedBy(access, request) }, forward(context)));
    },
    getManifest: async (request, context) => {
      const access = await admit(context, "getManifest");
      return passedOn(() => access.store.getManifest({ ...request, ...meant(access, request) }, forward(context)));
    },
    getChunks: async (request, context) => {
      const access = await admit(context, "getChunks");
      return passedOn(() => access.store.getChunks({ ...request, ...meant(access, request) }, forward(context)));
    },
  };
}

/** One header, which is made the asker's before the API hears of it, then chunks; no more of them than a manifest may have. */
async function publish(access: StoreAccess, parts: AsyncIterable<PutManifestRequest>, context: HandlerContext) {
  const rest = parts[Symbol.asyncIterator]();
  const first = await rest.next();
  const header = first.done ? undefined : first.value.part;
  if (header?.case !== "header") throw new ConnectError("a manifest is one header, then chunks", Code.InvalidArgument);
  const value = { ...header.value, ...ownedBy(access, header.value) };
  return passedOn(() =>
    access.store.putManifest(withHeader(value, { [Symbol.asyncIterator]: () => rest }), {
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

type Reference = { readonly archive?: ArchiveRef | undefined };

const meant = (access: StoreAccess, { archive }: Reference) => ({ archive: access.archive(archive) });
const ownedBy = (access: StoreAccess, request: Reference) => ({ ...meant(access, request), nodeId: access.nodeId });

/** The archives of a node: that of its image, and those of its plugin's services. */
export function nodeAccess(archives: NodeArchives): StoreAccess {
  const { store, nodeId, archiveId } = archives;
  const archive = (reference: ArchiveRef | undefined): ArchiveRef => {
    const storeKey = storeKeyOf(reference);
    return storeKey === undefined ? byId(archiveId) : byStoreKey(permitted(archives, storeKey));
  };
  return { store, nodeId, archive };
}

/** Every archive that the host sees; `heard` learns which one is asked for. */
export function hostAccess(store: StoreAccess["store"], heard: (storeKey: string) => void): StoreAccess {
  const archive = (reference: ArchiveRef | undefined): ArchiveRef => {
    const storeKey = storeKeyOf(reference);
    if (storeKey === undefined) throw new ConnectError("the store key is missing", Code.InvalidArgument);
    heard(storeKey);
    return byStoreKey(storeKey);
  };
  return { store, nodeId: undefined, archive };
}

/** The API knows whose nodes a host runs; a public host belongs to none of their orgs. */
const byId = (value: string): ArchiveRef => create(ArchiveRefSchema, { archive: { case: "archiveId", value } });
const byStoreKey = (value: string): ArchiveRef => create(ArchiveRefSchema, { archive: { case: "storeKey", value } });

function storeKeyOf(reference: ArchiveRef | undefined): string | undefined {
  const named = reference?.archive;
  if (named?.case === "archiveId") throw new ConnectError("archives are named by store key", Code.InvalidArgument);
  return named?.case === "storeKey" ? named.value : undefined;
}

/** A call ends with the one it serves, and has its deadline. */
function forward({ signal, timeoutMs }: HandlerContext) {
  const left = timeoutMs();
  return { signal, ...(left === undefined ? {} : { timeoutMs: left }) };
}
