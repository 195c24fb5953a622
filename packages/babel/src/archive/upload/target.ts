import {
  BadChunksSchema,
  type PutManifestRequestSchema,
  type Slot,
  type SlotRequestSchema,
} from "@blockvisor/wire/blockvisor/archive/v1/archive";
import type { BabelEngine, PutDownloadManifestRequestSchema } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { askHost } from "../engine.ts";
import type { Chunk, Header } from "../format/chunk.ts";
import { codecFrom } from "../format/manifest-json.ts";
import { checksumFromWire, chunkToReference, chunkToWire, compressionToWire, headerToWire } from "../format/wire.ts";

/** What is to be stored. Size and sha256 in hex, if given, become part of the url: the store takes nothing else then. */
export type SlotWish = { readonly size?: number; readonly sha256?: string } & (
  | { readonly kind: "part"; readonly index: number }
  | { readonly kind: "chunk"; readonly id: string }
  | { readonly kind: "files" }
);

export type UploadSlot = {
  readonly key: string;
  /** Signed; never stored and never logged. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
};

/** A chunk of a content-addressed archive that need not be uploaded. */
export type StoredChunk = Pick<Chunk, "size" | "checksum" | "codec">;

/** Where an upload gets its version and its urls, and publishes. */
export type UploadTarget = {
  /** What messages call the archive. */
  readonly name: string;
  /** Reserves a version, the next one if none is named. @returns largest object that may be stored, bytes */
  reserve(dataVersion: number | undefined): Promise<{ readonly dataVersion: number; readonly maxObjectBytes: number }>;
  /** At most 100, in order. @param expiresSecs lifetime of the urls */
  slots(
    dataVersion: number,
    wishes: readonly SlotWish[],
    expiresSecs: number,
  ): Promise<readonly (UploadSlot | StoredChunk)[]>;
  /** Which of at most 1000 chunks are stored already, by id. */
  storedChunks(ids: readonly string[]): Promise<ReadonlyMap<string, StoredChunk>>;
  /** Whether the target has what the reference has not: side objects, content-addressed chunks. Known after `reserve`. */
  readonly extended: boolean;
  /** @param chunks begins anew at every call @throws BadUploads naming what is not stored as the manifest says */
  publish(dataVersion: number, header: Header, chunks: () => Iterable<Chunk>): Promise<void>;
  /** Gives the reservation up. */
  release(dataVersion: number): Promise<void>;
};

/** The store does not have these objects as the manifest says. */
export class BadUploads extends Error {
  readonly indexes: readonly number[];
  readonly files: boolean;

  constructor(message: string, indexes: readonly number[], files: boolean) {
    super(message);
    this.name = "BadUploads";
    this.indexes = indexes;
    this.files = files;
  }
}

/** Slots that may be asked for at once. (§5.8) */
export const SLOTS_PER_REQUEST = 100;
export const IDS_PER_REQUEST = 1000;
const CHUNKS_PER_MESSAGE = 100;
const DESTINATIONS_PER_MESSAGE = 2500;
/** Most that S3 takes in one PUT. */
const S3_OBJECT = 5 * 1024 ** 3;

type Context = {
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  readonly firstWaitMs?: number;
};

/** The archive of the node's image, or one of its services', on the host's engine socket. @param uploadId whose the reservation is */
export function engineTarget(
  engine: Client<typeof BabelEngine>,
  storeKey: string | undefined,
  context: Context,
  uploadId: string,
): UploadTarget {
  const archive =
    storeKey === undefined ? {} : { archive: { archive: { case: "storeKey" as const, value: storeKey } } };
  const reference = storeKey === undefined ? {} : { storeKey };
  /** An older host or API has only what the reference has. */
  let extended = true;

  async function referenceSlots(dataVersion: number | undefined, indexes: readonly number[], expires?: number) {
    const request = {
      ...reference,
      ...(dataVersion === undefined ? {} : { dataVersion: BigInt(dataVersion) }),
      slotIndexes: [...indexes],
      ...(expires === undefined ? {} : { urlExpiresSecs: expires }),
    };
    return askHost((options) => engine.getUploadSlots(request, options), context);
  }

  return {
    name: storeKey ?? "the archive of the node's image",
    get extended() {
      return extended;
    },
    async reserve(dataVersion) {
      const wanted = dataVersion === undefined ? {} : { dataVersion: BigInt(dataVersion) };
      try {
        const given = await askHost(
          (options) => engine.getSlots({ ...archive, ...wanted, uploadId }, options),
          context,
        );
        return {
          dataVersion: Number(given.dataVersion),
          maxObjectBytes: Number(given.maxObjectBytes) || S3_OBJECT,
        };
      } catch (error) {
        const { code, rawMessage } = ConnectError.from(error);
        if (code === Code.AlreadyExists) {
          throw new ConnectError(`somebody else uploads it now, or has published it: ${rawMessage}`, code);
        }
        if (code !== Code.Unimplemented) throw error;
        extended = false;
        const given = await referenceSlots(dataVersion, [0]);
        return { dataVersion: Number(given.dataVersion), maxObjectBytes: S3_OBJECT };
      }
    },
    async slots(dataVersion, wishes, expiresSecs) {
      if (extended) {
        const slots = wishes.map(wishToWire);
        const request = { ...archive, uploadId, dataVersion: BigInt(dataVersion), urlExpires: expiresSecs, slots };
        const given = await askHost((options) => engine.getSlots(request, options), context);
        return inOrder(wishes, given.slots.map(slotFromWire));
      }
      const indexes = wishes.map((wish) => (wish.kind === "part" ? wish.index : -1));
      const { slots } = await referenceSlots(dataVersion, indexes, expiresSecs);
      const byIndex = new Map(slots.map(({ index, key, url }) => [index, { key, url, headers: {} }]));
      return inOrder(
        wishes,
        indexes.map((index) => byIndex.get(index)),
      );
    },
    async storedChunks(ids) {
      const request = { ...archive, ids: ids.map((id) => Buffer.from(id, "hex")) };
      const { chunks } = await askHost((options) => engine.getStoredChunks(request, options), context);
      return new Map(chunks.map((chunk) => [Buffer.from(chunk.id).toString("hex"), storedFromWire(chunk)]));
    },
    async publish(dataVersion, header, chunks) {
      // A minute for the host, and what the server needs to look at every object.
      const timeoutMs = 120_000 + header.chunks * 100;
      const version = BigInt(dataVersion);
      try {
        if (extended) {
          const first = { ...archive, uploadId, dataVersion: version, summary: headerToWire(header) };
          await askHost((options) => engine.putManifest(manifestParts(first, chunks()), options), {
            ...context,
            timeoutMs,
          });
        } else {
          const compression = compressionToWire(header.compression);
          const first = {
            ...reference,
            dataVersion: version,
            totalSize: BigInt(header.totalSize),
            ...(compression === undefined ? {} : { compression }),
            chunks: header.chunks,
          };
          await askHost((options) => engine.putDownloadManifest(referenceParts(first, chunks()), options), {
            ...context,
            timeoutMs,
          });
        }
      } catch (error) {
        const refusal = ConnectError.from(error);
        const bad = refusal.findDetails(BadChunksSchema)[0];
        if (bad !== undefined) throw new BadUploads(refusal.rawMessage, bad.indexes, bad.files);
        throw error;
      }
    },
    async release(dataVersion) {
      if (!extended) return;
      try {
        await askHost(
          (options) => engine.releaseUpload({ ...archive, uploadId, dataVersion: BigInt(dataVersion) }, options),
          context,
        );
      } catch (error) {
        if (ConnectError.from(error).code !== Code.Unimplemented) throw error;
      }
    },
  };
}

function inOrder<T>(wishes: readonly SlotWish[], given: readonly (T | undefined)[]): readonly T[] {
  return wishes.map((_, i) => {
    const slot = given[i];
    if (slot === undefined) throw new ConnectError("fewer upload slots than asked for", Code.Internal);
    return slot;
  });
}

function wishToWire(wish: SlotWish): MessageInitShape<typeof SlotRequestSchema> {
  const body = {
    ...(wish.size === undefined ? {} : { size: BigInt(wish.size) }),
    ...(wish.sha256 === undefined ? {} : { sha256: Buffer.from(wish.sha256, "hex") }),
  };
  if (wish.kind === "part") return { ...body, object: { case: "index", value: wish.index } };
  if (wish.kind === "chunk") return { ...body, object: { case: "chunkId", value: Buffer.from(wish.id, "hex") } };
  return { ...body, object: { case: "files", value: true } };
}

const slotFromWire = ({ key, url, headers, stored }: Slot): UploadSlot | StoredChunk =>
  stored === undefined ? { key, url, headers } : storedFromWire(stored);

function storedFromWire(stored: NonNullable<Slot["stored"]>): StoredChunk {
  return {
    size: Number(stored.size),
    checksum: checksumFromWire(stored.checksum, 0),
    ...(stored.codec === undefined ? {} : { codec: codecFrom(stored.codec) }),
  };
}

/** Groups small enough for a message. */
function* groups(chunks: Iterable<Chunk>): Generator<readonly Chunk[]> {
  let group: Chunk[] = [];
  let destinations = 0;
  for (const chunk of chunks) {
    if (group.length === CHUNKS_PER_MESSAGE || (group.length > 0 && destinations > DESTINATIONS_PER_MESSAGE)) {
      yield group;
      group = [];
      destinations = 0;
    }
    group.push(chunk);
    destinations += chunk.destinations.length;
  }
  if (group.length > 0) yield group;
}

type Parts<Schema extends typeof PutManifestRequestSchema | typeof PutDownloadManifestRequestSchema> =
  MessageInitShape<Schema>;
type Header1 = Extract<NonNullable<Parts<typeof PutManifestRequestSchema>["part"]>, { case: "header" }>["value"];
type Header2 = Extract<
  NonNullable<Parts<typeof PutDownloadManifestRequestSchema>["part"]>,
  { case: "header" }
>["value"];

async function* manifestParts(
  header: NonNullable<Header1>,
  chunks: Iterable<Chunk>,
): AsyncGenerator<Parts<typeof PutManifestRequestSchema>> {
  yield { part: { case: "header", value: header } };
  for (const group of groups(chunks)) yield { part: { case: "chunks", value: { chunks: group.map(chunkToWire) } } };
}

async function* referenceParts(
  header: NonNullable<Header2>,
  chunks: Iterable<Chunk>,
): AsyncGenerator<Parts<typeof PutDownloadManifestRequestSchema>> {
  yield { part: { case: "header", value: header } };
  for (const group of groups(chunks))
    yield { part: { case: "chunks", value: { chunks: group.map(chunkToReference) } } };
}
