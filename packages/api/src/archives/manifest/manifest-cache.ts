import { Code, ConnectError } from "@connectrpc/connect";
import { notFound } from "../../rpc-error.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { archiveKeys, belongsTo } from "./archive-keys.ts";
import type { ManifestChunk } from "./manifest.ts";
import { readBody } from "./manifest-json.ts";

/** Larger than what the wire lets through. */
export const largestBody = 256 * 1024 * 1024;
const keptBytes = 256 * 1024 * 1024;

/**
 * Parsed bodies of published versions, which never change: a download asks a thousand times for a hundred chunks of the same body (D6-06).
 * The least recently used go when their JSON was more than 256 MiB in all.
 */
export class ManifestCache {
  readonly #store: ObjectStore;
  readonly #kept = new Map<string, Promise<Kept>>();
  readonly #sizes = new Map<string, number>();

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** @throws NOT_FOUND without a body, DATA_LOSS when it cannot be trusted, UNAVAILABLE */
  async chunks(storeKey: string, version: bigint): Promise<readonly ManifestChunk[]> {
    const key = archiveKeys.body(storeKey, version);
    const kept = this.#kept.get(key) ?? this.#load(key, storeKey, version);
    // Set again, it becomes the most recently used.
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    return (await kept).chunks;
  }

  forget(storeKey: string, version: bigint): void {
    const key = archiveKeys.body(storeKey, version);
    this.#kept.delete(key);
    this.#sizes.delete(key);
  }

  #load(key: string, storeKey: string, version: bigint): Promise<Kept> {
    const loading = load(this.#store, key, storeKey, version);
    loading.then(
      ({ bytes }) => {
        if (!this.#kept.has(key)) return;
        this.#sizes.set(key, bytes);
        this.#shrink(key);
      },
      () => this.#kept.delete(key),
    );
    return loading;
  }

  #shrink(newest: string): void {
    let total = [...this.#sizes.values()].reduce((sum, size) => sum + size, 0);
    for (const key of this.#kept.keys()) {
      if (total <= keptBytes) return;
      if (key === newest) continue;
      total -= this.#sizes.get(key) ?? 0;
      this.#sizes.delete(key);
      this.#kept.delete(key);
    }
  }
}

interface Kept {
  readonly chunks: readonly ManifestChunk[];
  readonly bytes: number;
}

async function load(store: ObjectStore, key: string, storeKey: string, version: bigint): Promise<Kept> {
  const json = await store.get(key, largestBody);
  if (json === undefined) throw notFound("Manifest");
  const chunks = parse(json, key);
  const foreign = chunks.findIndex((chunk) => chunk.size > 0 && !belongsTo(storeKey, version, chunk.key));
  if (foreign >= 0) throw damaged(key, `chunk ${foreign} names an object of something else`);
  return { chunks, bytes: json.length };
}

function parse(json: Buffer, key: string): readonly ManifestChunk[] {
  try {
    return readBody(json);
  } catch {
    throw damaged(key, "it is not a manifest");
  }
}

const damaged = (key: string, why: string) =>
  new ConnectError(`The manifest ${key} is damaged: ${why}.`, Code.DataLoss);
