import type { SlotRequest } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import type { Platform } from "../platform.ts";
import { invalidArgument } from "../rpc-error.ts";
import { archiveKeys } from "./manifest/archive-keys.ts";
import { contentId } from "./manifest/manifest-messages.ts";
import { partKey } from "./slots.ts";
import type { SignGet } from "./store/object-store.ts";
import { storedChunkMessage } from "./stored-chunk-message.ts";
import { forgetChunk, type KnownChunk, knownChunks } from "./versions/known-chunks.ts";

/** Urls for objects of a version that is being uploaded; content that a published version has gets none, it is never written again. */
export async function signSlots(
  platform: Platform,
  storeKey: string,
  version: bigint,
  slots: readonly SlotRequest[],
  options: SignGet,
) {
  const ids = slots.flatMap(({ object }) => (object.case === "chunkId" ? [contentId(object.value, "slots")] : []));
  const known = await withObject(platform, storeKey, await knownChunks(platform.db, storeKey, ids));
  const expiresAt = BigInt(Math.floor(Date.now() / 1000) + options.seconds);
  return Promise.all(
    slots.map(async ({ object, size, sha256 }) => {
      if (sha256 !== undefined && sha256.length !== 32) throw invalidArgument("slots.sha256", "has to be 32 bytes");
      if (size !== undefined && size > BigInt(platform.objects.maxObjectBytes)) {
        throw invalidArgument("slots.size", `one object has at most ${platform.objects.maxObjectBytes} bytes`);
      }
      const stored = object.case === "chunkId" ? known.get(contentId(object.value, "slots")) : undefined;
      const key = keyOf(storeKey, version, object);
      if (stored !== undefined) return { key, stored: storedChunkMessage(stored) };
      const signed = await platform.objects.signPut(key, {
        ...options,
        size: size === undefined ? undefined : Number(size),
        sha256,
      });
      return { key, url: signed.url, headers: { ...signed.headers }, expiresAt };
    }),
  );
}

/** Chunks that are known but not there, which should not be, are forgotten: then they can be uploaded again. */
async function withObject(
  { db, objects }: Platform,
  storeKey: string,
  known: ReadonlyMap<string, KnownChunk>,
): Promise<ReadonlyMap<string, KnownChunk>> {
  const there = new Map<string, KnownChunk>();
  await Promise.all(
    [...known].map(async ([id, chunk]) => {
      if ((await objects.head(archiveKeys.content(storeKey, id)))?.size === chunk.size) there.set(id, chunk);
      else await forgetChunk(db, storeKey, id);
    }),
  );
  return there;
}

function keyOf(storeKey: string, version: bigint, object: SlotRequest["object"]): string {
  switch (object.case) {
    case "index":
      return partKey(storeKey, version, object.value);
    case "chunkId":
      return archiveKeys.content(storeKey, contentId(object.value, "slots"));
    case "files":
      return archiveKeys.files(storeKey, version);
    case undefined:
      throw invalidArgument("slots.object");
  }
}
