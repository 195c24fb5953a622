import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import {
  type ArchiveRef,
  BadChunksSchema,
  ChunkSchema,
  type GetChunksRequest,
  type GetManifestRequest,
  type GetSlotsRequest,
  type GetStoredChunksRequest,
  type PutManifestRequest,
  type ReleaseUploadRequest,
  type SlotRequest,
} from "@blockvisor/wire/blockvisor/archive/v1/archive";
import { BabelEngine } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { type Chunk, type Header, partKey } from "../format/chunk.ts";
import {
  chunkFromReference,
  chunkFromWire,
  chunkToReference,
  chunkToWire,
  compressionFromWire,
  headerFromWire,
  headerToWire,
} from "../format/wire.ts";

/** What the engine has to know of an object store. */
export type ObjectStore = {
  readonly objects: ReadonlyMap<string, { readonly length: number }>;
  url(key: string, expiresInMs?: number): string;
};

export type PublishedVersion = { readonly header: Header; readonly chunks: readonly Chunk[] };

/**
 * The host's engine socket in front of a store on loopback, with one archive that follows the rules of the API: versions are reserved,
 * keys derived, stored objects looked at before a version is published. With `reference` it has only what the reference has.
 */
export class ArchiveEngine {
  /** Published versions by store key; without one the archive of the node's image is meant. */
  readonly archives = new Map<string, Map<number, PublishedVersion>>();
  readonly released: number[] = [];
  readonly calls: Record<string, number> = {};
  /** What was told with `bv_error`. */
  readonly errors: string[] = [];
  readonly #store: ObjectStore;
  readonly #storeKey: string;
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #reserved = new Map<string, { readonly version: number; readonly uploadId?: string | undefined }>();
  urlMs: number | undefined;
  /** Bytes per second of the host's bandwidth that every job may take. */
  share: number | undefined;
  /** Throws to let a call fail. */
  before: (call: string) => void = () => undefined;
  /** Called when a version has just been published; throws to lose the answer. */
  afterPublish: () => void = () => undefined;

  private constructor(store: ObjectStore, storeKey: string, reference: boolean) {
    this.#store = store;
    this.#storeKey = storeKey;
    const routes = (router: ConnectRouter) => this.#routes(router, reference);
    this.#server = createServer(connectNodeAdapter({ routes }));
    this.#server.on("session", (session) => {
      this.#sessions.add(session);
      session.once("close", () => this.#sessions.delete(session));
    });
  }

  static async start(
    store: ObjectStore,
    socket: string,
    options: { storeKey?: string; reference?: boolean } = {},
  ): Promise<ArchiveEngine> {
    const engine = new ArchiveEngine(store, options.storeKey ?? "sample-key", options.reference ?? false);
    engine.#server.listen(socket);
    await once(engine.#server, "listening");
    return engine;
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get versions(): Map<number, PublishedVersion> {
    return this.#versionsOf(this.#storeKey);
  }

  /** The next upload gets this version. */
  reserveFor(version: number): void {
    this.#reserved.set(this.#storeKey, { version });
  }

  get newest(): PublishedVersion | undefined {
    return this.versions.get(Math.max(...this.versions.keys()));
  }

  #routes(router: ConnectRouter, reference: boolean): void {
    const counted = <Request, Answer>(call: string, answer: (request: Request) => Answer) => {
      return (request: Request): Answer => {
        this.calls[call] = (this.calls[call] ?? 0) + 1;
        this.before(call);
        return answer(request);
      };
    };
    const ours: Partial<ServiceImpl<typeof BabelEngine>> = {
      getSlots: counted("getSlots", (request: GetSlotsRequest) => {
        const archive = this.#archiveOf(request.archive);
        const version = this.#reserve(archive, request.dataVersion, request.uploadId);
        const slots = request.slots.map((slot) => this.#slot(archive, version, slot));
        return { dataVersion: BigInt(version), slots, maxObjectBytes: BigInt(5 * 1024 ** 3) };
      }),
      getStoredChunks: counted("getStoredChunks", ({ archive, ids }: GetStoredChunksRequest) => ({
        chunks: ids.flatMap((id) => this.#storedChunk(this.#archiveOf(archive), Buffer.from(id).toString("hex")) ?? []),
      })),
      putManifest: async (parts: AsyncIterable<PutManifestRequest>) => {
        await this.#takeManifest(parts);
        return {};
      },
      releaseUpload: counted("releaseUpload", ({ archive, dataVersion }: ReleaseUploadRequest) => {
        this.released.push(Number(dataVersion));
        this.#reserved.delete(this.#archiveOf(archive));
        return {};
      }),
      getManifest: counted("getManifest", ({ archive, dataVersion }: GetManifestRequest) => {
        const [version, { header }] = this.#find(this.#archiveOf(archive), dataVersion);
        const files =
          header.files === undefined
            ? {}
            : { filesUrl: this.#store.url(this.filesKey(version, this.#archiveOf(archive))) };
        return { dataVersion: BigInt(version), summary: headerToWire(header), ...files };
      }),
      // Asked when it suits the job: nothing is made to fail by it.
      getTransferShare: () => {
        this.calls["getTransferShare"] = (this.calls["getTransferShare"] ?? 0) + 1;
        return this.share === undefined ? {} : { bytesPerSecond: BigInt(this.share) };
      },
      getChunks: ({ archive, dataVersion, indexes }: GetChunksRequest) => {
        const [, { chunks }] = this.#find(this.#archiveOf(archive), dataVersion);
        const page = indexes.map((index) => {
          const message = create(ChunkSchema, chunkToWire(chunks[index]!));
          message.chunk!.url = this.#store.url(chunks[index]!.key);
          return message;
        });
        return { chunks: page };
      },
    };
    router.service(BabelEngine, {
      getUploadSlots: counted("getUploadSlots", ({ storeKey = this.#storeKey, dataVersion, slotIndexes }) => {
        const version = this.#reserve(storeKey, dataVersion);
        const slots = slotIndexes.map((index) => {
          const key = partKey(storeKey, version, index);
          return { index, key, url: this.#store.url(key, this.urlMs) };
        });
        return { dataVersion: BigInt(version), slots };
      }),
      putDownloadManifest: async (parts) => {
        const chunks: Chunk[] = [];
        let header: Header | undefined;
        let version = 0;
        let archive = this.#storeKey;
        for await (const { part } of parts) {
          if (part.case === "chunks") chunks.push(...part.value.chunks.map(chunkFromReference));
          if (part.case !== "header") continue;
          const { dataVersion, totalSize, compression, chunks: count } = part.value;
          version = Number(dataVersion);
          archive = part.value.storeKey ?? archive;
          header = { totalSize: Number(totalSize), compression: compressionFromWire(compression), chunks: count };
        }
        this.#publish(archive, version, header!, chunks);
        return {};
      },
      bvError: ({ message }) => {
        this.errors.push(message);
        return {};
      },
      getDownloadMetadata: ({ storeKey = this.#storeKey, dataVersion }) => {
        const [version, { header }] = this.#find(storeKey, dataVersion);
        const { totalSize, compression, chunks } = headerToWire(header);
        return {
          dataVersion: BigInt(version),
          totalSize: totalSize!,
          chunks: chunks!,
          ...(compression === undefined ? {} : { compression }),
        };
      },
      getDownloadChunks: ({ storeKey = this.#storeKey, dataVersion, chunkIndexes }) => {
        const [, { chunks }] = this.#find(storeKey, dataVersion);
        return {
          chunks: chunkIndexes.map((index) => ({
            ...chunkToReference(chunks[index]!),
            url: this.#store.url(chunks[index]!.key),
          })),
        };
      },
      ...(reference ? {} : ours),
    });
  }

  filesKey(version: number, archive = this.#storeKey): string {
    return `${archive}/${version}/manifest-files.json`;
  }

  #archiveOf(reference: ArchiveRef | undefined): string {
    return reference?.archive.case === "storeKey" ? reference.archive.value : this.#storeKey;
  }

  #versionsOf(archive: string): Map<number, PublishedVersion> {
    const versions = this.archives.get(archive) ?? new Map<number, PublishedVersion>();
    this.archives.set(archive, versions);
    return versions;
  }

  /** One upload at a time, as long as it says which it is. */
  #reserve(archive: string, dataVersion: bigint | undefined, uploadId?: string): number {
    const versions = this.#versionsOf(archive);
    const next = Math.max(0, ...versions.keys()) + 1;
    const running = this.#reserved.get(archive);
    const wanted = dataVersion === undefined ? (running?.version ?? next) : Number(dataVersion);
    const isForeign = running?.uploadId !== undefined && running.uploadId !== uploadId;
    if (versions.has(wanted) || isForeign) throw new ConnectError(`Data version: ${wanted}`, Code.AlreadyExists);
    this.#reserved.set(archive, { version: wanted, uploadId });
    return wanted;
  }

  #slot(archive: string, version: number, { object, sha256 }: SlotRequest) {
    const id = object.case === "chunkId" ? Buffer.from(object.value).toString("hex") : "";
    const stored = id === "" ? undefined : this.#storedChunk(archive, id);
    if (stored !== undefined) return { stored };
    const key =
      object.case === "chunkId"
        ? this.#casKey(archive, id)
        : object.case === "files"
          ? this.filesKey(version, archive)
          : partKey(archive, version, Number(object.value));
    const headers: Record<string, string> =
      sha256 === undefined ? {} : { "x-amz-checksum-sha256": Buffer.from(sha256).toString("base64") };
    return { key, url: this.#store.url(key, this.urlMs), headers };
  }

  #casKey(archive: string, id: string): string {
    return `${archive}/cas/${id.slice(0, 2)}/${id}`;
  }

  #storedChunk(archive: string, id: string) {
    for (const { chunks } of this.#versionsOf(archive).values()) {
      const found = chunks.find((chunk) => chunk.id === id);
      if (found === undefined || !this.#store.objects.has(found.key)) continue;
      const { size, checksum } = chunkToReference(found);
      const codec = found.codec === undefined ? {} : { codec: found.codec };
      return { id: Buffer.from(id, "hex"), size: size!, checksum: checksum!, ...codec };
    }
    return undefined;
  }

  async #takeManifest(parts: AsyncIterable<PutManifestRequest>): Promise<void> {
    const chunks: Chunk[] = [];
    let header: Header | undefined;
    let version = 0;
    let archive = this.#storeKey;
    for await (const { part } of parts) {
      if (part.case === "chunks") chunks.push(...part.value.chunks.map(chunkFromWire));
      if (part.case !== "header") continue;
      header = headerFromWire(part.value.summary!);
      version = Number(part.value.dataVersion);
      archive = this.#archiveOf(part.value.archive);
    }
    const keyed = chunks.map((chunk, index) => ({
      ...chunk,
      key: chunk.id === undefined ? partKey(archive, version, index) : this.#casKey(archive, chunk.id),
    }));
    const bad = keyed.filter(({ size, key }) => size > 0 && this.#store.objects.get(key)?.length !== size);
    if (bad.length > 0) {
      throw new ConnectError("not stored as stated", Code.FailedPrecondition, undefined, [
        { desc: BadChunksSchema, value: { indexes: bad.map(({ index }) => index) } },
      ]);
    }
    this.#publish(archive, version, header!, keyed);
  }

  #publish(archive: string, version: number, header: Header, chunks: readonly Chunk[]): void {
    this.before("publish");
    const published = { header, chunks };
    const versions = this.#versionsOf(archive);
    const before = versions.get(version);
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(published)) {
      throw new ConnectError(`Data version: ${version}`, Code.AlreadyExists);
    }
    versions.set(version, published);
    this.#reserved.delete(archive);
    this.afterPublish();
  }

  #find(archive: string, dataVersion: bigint | undefined): readonly [number, PublishedVersion] {
    const versions = this.#versionsOf(archive);
    const version = dataVersion === undefined ? Math.max(...versions.keys()) : Number(dataVersion);
    const found = versions.get(version);
    if (found === undefined) throw new ConnectError("Manifest not found.", Code.NotFound);
    return [version, found];
  }
}
