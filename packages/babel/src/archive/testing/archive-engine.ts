import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import {
  BadChunksSchema,
  ChunkSchema,
  type GetSlotsRequest,
  type PutManifestRequest,
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
import type { FaultyStore } from "./faulty-store.ts";

export type PublishedVersion = { readonly header: Header; readonly chunks: readonly Chunk[] };

/**
 * The host's engine socket in front of a store on loopback, with one archive that follows the rules of the API: versions are reserved,
 * keys derived, stored objects looked at before a version is published. With `reference` it has only what the reference has.
 */
export class ArchiveEngine {
  readonly versions = new Map<number, PublishedVersion>();
  readonly released: number[] = [];
  readonly calls: Record<string, number> = {};
  readonly #store: FaultyStore;
  readonly #storeKey: string;
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();
  reserved: number | undefined;
  urlMs: number | undefined;
  /** Throws to let a call fail. */
  before: (call: string) => void = () => undefined;
  /** Called when a version has just been published; throws to lose the answer. */
  afterPublish: () => void = () => undefined;

  private constructor(store: FaultyStore, storeKey: string, reference: boolean) {
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
    store: FaultyStore,
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
        const version = this.#reserve(request.dataVersion);
        const slots = request.slots.map((slot) => this.#slot(version, slot));
        return { dataVersion: BigInt(version), slots, maxObjectBytes: BigInt(5 * 1024 ** 3) };
      }),
      getStoredChunks: counted("getStoredChunks", ({ ids }: { ids: readonly Uint8Array[] }) => ({
        chunks: ids.flatMap((id) => this.#storedChunk(Buffer.from(id).toString("hex")) ?? []),
      })),
      putManifest: async (parts: AsyncIterable<PutManifestRequest>) => {
        await this.#takeManifest(parts);
        return {};
      },
      releaseUpload: counted("releaseUpload", ({ dataVersion }: { dataVersion: bigint }) => {
        this.released.push(Number(dataVersion));
        this.reserved = undefined;
        return {};
      }),
      getManifest: ({ dataVersion }: { dataVersion?: bigint | undefined }) => {
        const [version, { header }] = this.#find(dataVersion);
        const files = header.files === undefined ? {} : { filesUrl: this.#store.url(this.filesKey(version)) };
        return { dataVersion: BigInt(version), summary: headerToWire(header), ...files };
      },
      getChunks: ({ dataVersion, indexes }: { dataVersion: bigint; indexes: readonly number[] }) => {
        const [, { chunks }] = this.#find(dataVersion);
        const page = indexes.map((index) => {
          const message = create(ChunkSchema, chunkToWire(chunks[index]!));
          message.chunk!.url = this.#store.url(chunks[index]!.key);
          return message;
        });
        return { chunks: page };
      },
    };
    router.service(BabelEngine, {
      getUploadSlots: counted("getUploadSlots", ({ dataVersion, slotIndexes }) => {
        const version = this.#reserve(dataVersion);
        const slots = slotIndexes.map((index) => {
          const key = partKey(this.#storeKey, version, index);
          return { index, key, url: this.#store.url(key, this.urlMs) };
        });
        return { dataVersion: BigInt(version), slots };
      }),
      putDownloadManifest: async (parts) => {
        const chunks: Chunk[] = [];
        let header: Header | undefined;
        let version = 0;
        for await (const { part } of parts) {
          if (part.case === "chunks") chunks.push(...part.value.chunks.map(chunkFromReference));
          if (part.case !== "header") continue;
          const { dataVersion, totalSize, compression, chunks: count } = part.value;
          version = Number(dataVersion);
          header = { totalSize: Number(totalSize), compression: compressionFromWire(compression), chunks: count };
        }
        this.#publish(version, header!, chunks);
        return {};
      },
      getDownloadMetadata: ({ dataVersion }) => {
        const [version, { header }] = this.#find(dataVersion);
        const { totalSize, compression, chunks } = headerToWire(header);
        return {
          dataVersion: BigInt(version),
          totalSize: totalSize!,
          chunks: chunks!,
          ...(compression === undefined ? {} : { compression }),
        };
      },
      getDownloadChunks: ({ dataVersion, chunkIndexes }) => {
        const [, { chunks }] = this.#find(dataVersion);
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

  filesKey(version: number): string {
    return `${this.#storeKey}/${version}/manifest-files.json`;
  }

  #reserve(dataVersion: bigint | undefined): number {
    const next = Math.max(0, ...this.versions.keys()) + 1;
    const wanted = dataVersion === undefined ? (this.reserved ?? next) : Number(dataVersion);
    if (this.versions.has(wanted)) throw new ConnectError(`Data version: ${wanted}`, Code.AlreadyExists);
    this.reserved = wanted;
    return wanted;
  }

  #slot(version: number, { object, sha256 }: SlotRequest) {
    const id = object.case === "chunkId" ? Buffer.from(object.value).toString("hex") : "";
    const stored = id === "" ? undefined : this.#storedChunk(id);
    if (stored !== undefined) return { stored };
    const key =
      object.case === "chunkId"
        ? this.#casKey(id)
        : object.case === "files"
          ? this.filesKey(version)
          : partKey(this.#storeKey, version, Number(object.value));
    const headers: Record<string, string> =
      sha256 === undefined ? {} : { "x-amz-checksum-sha256": Buffer.from(sha256).toString("base64") };
    return { key, url: this.#store.url(key, this.urlMs), headers };
  }

  #casKey(id: string): string {
    return `${this.#storeKey}/cas/${id.slice(0, 2)}/${id}`;
  }

  #storedChunk(id: string) {
    for (const { chunks } of this.versions.values()) {
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
    for await (const { part } of parts) {
      if (part.case === "chunks") chunks.push(...part.value.chunks.map(chunkFromWire));
      if (part.case !== "header") continue;
      header = headerFromWire(part.value.summary!);
      version = Number(part.value.dataVersion);
    }
    const keyed = chunks.map((chunk, index) => ({
      ...chunk,
      key: chunk.id === undefined ? partKey(this.#storeKey, version, index) : this.#casKey(chunk.id),
    }));
    const bad = keyed.filter(({ size, key }) => size > 0 && this.#store.objects.get(key)?.length !== size);
    if (bad.length > 0) {
      throw new ConnectError("not stored as stated", Code.FailedPrecondition, undefined, [
        { desc: BadChunksSchema, value: { indexes: bad.map(({ index }) => index) } },
      ]);
    }
    this.#publish(version, header!, keyed);
  }

  #publish(version: number, header: Header, chunks: readonly Chunk[]): void {
    this.before("publish");
    const published = { header, chunks };
    const before = this.versions.get(version);
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(published)) {
      throw new ConnectError(`Data version: ${version}`, Code.AlreadyExists);
    }
    this.versions.set(version, published);
    this.reserved = undefined;
    this.afterPublish();
  }

  #find(dataVersion: bigint | undefined): readonly [number, PublishedVersion] {
    const version = dataVersion === undefined ? Math.max(...this.versions.keys()) : Number(dataVersion);
    const found = this.versions.get(version);
    if (found === undefined) throw new ConnectError("Manifest not found.", Code.NotFound);
    return [version, found];
  }
}
