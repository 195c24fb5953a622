import { rm } from "node:fs/promises";
import path from "node:path";
import type { Chunk } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import { type Database, openDatabase } from "../../database/open-database.ts";
import type { Platform } from "../../platform.ts";
import { quiet } from "../../testing/api-under-test.ts";
import { newDataDir } from "../../testing/data-dir.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { ManifestCache } from "../manifest/manifest-cache.ts";
import { chunkOf } from "../manifest/manifest-messages.ts";
import { reserveVersion } from "../slots.ts";
import { openDirectoryFiles } from "../store/directory-files.ts";
import { createDirectoryStore } from "../store/directory-store.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { createPathSigner } from "../store/signed-path.ts";
import type { UploadOwner } from "../versions/owner.ts";
import { chunksOf } from "./archive-client.ts";

/** Database and object store, without a server around them: for what can only be seen by cutting into the middle of things. */
export interface Workshop {
  readonly db: Database;
  readonly objects: ObjectStore;
  /** where the objects are files */
  readonly folder: string;
  /** the parts of a platform that archives use, with another object store when one is given */
  platform(objects?: ObjectStore): Platform;
  /** reserves a version and stores its only chunk, of one file. @returns what would be published */
  prepare(
    storeKey: string,
    content: string,
    owner?: UploadOwner,
  ): Promise<{ readonly version: bigint; readonly manifest: Manifest }>;
  close(): Promise<void>;
}

export const ownerNamed = (id: number): UploadOwner => ({
  resource: { kind: "host", id: `00000000-0000-4000-8000-${String(id).padStart(12, "0")}` },
  nodeId: null,
  uploadId: null,
  orgId: null,
});

export async function openWorkshop(): Promise<Workshop> {
  const directory = await newDataDir();
  const database = await openDatabase({ kind: "embedded", directory });
  const files = await openDirectoryFiles(path.join(directory, "archives"));
  const directoryStore = createDirectoryStore(files, createPathSigner(Buffer.alloc(32, 3)));
  const platform = (objects = directoryStore) =>
    ({
      db: database.db,
      objects,
      manifests: new ManifestCache(objects),
      outbox: { wake() {} },
      log: quiet,
      settings: {},
    }) as unknown as Platform;
  return {
    db: database.db,
    objects: directoryStore,
    folder: files.objects,
    platform,
    async prepare(storeKey, content, owner = ownerNamed(1)) {
      const { version } = await reserveVersion(platform(), storeKey, owner, undefined, 3600);
      const bytes = Buffer.from(content);
      const chunks = chunksOf([bytes]).map((chunk, index) =>
        chunkOf({ chunk } as unknown as Chunk, { storeKey, version, layout: "parts", index }),
      );
      await directoryStore.put(chunks[0]?.key ?? "", bytes);
      const summary = {
        totalSize: bytes.length,
        chunks: 1,
        layout: "parts",
        format: 1,
        requires: [],
        source: {},
      } as const;
      return { version, manifest: { summary, chunks } };
    },
    async close() {
      await database.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
