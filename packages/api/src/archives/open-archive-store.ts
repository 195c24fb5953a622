import path from "node:path";
import type { Logger } from "pino";
import type { Settings } from "../configuration/settings.ts";
import type { HttpRoute } from "../listener/http-routes.ts";
import { openDirectoryFiles } from "./store/directory-files.ts";
import { createDirectoryStore } from "./store/directory-store.ts";
import { objectRoutes } from "./store/object-routes.ts";
import type { ObjectStore } from "./store/object-store.ts";
import { createS3Store } from "./store/s3-store.ts";
import { createPathSigner } from "./store/signed-path.ts";

export interface ArchiveStore {
  readonly objects: ObjectStore;
  /** how this process serves the store's urls, when the store has no server of its own */
  readonly serve?: (writable: (key: string) => Promise<boolean>) => HttpRoute;
}

/** Drafts that nobody has written to for so long belong to a process that is gone. */
const abandonedMs = 3600_000;

/** Archives in a bucket when one is configured, else in a directory of this machine. */
export async function openArchiveStore(settings: Settings, master: Uint8Array, log: Logger): Promise<ArchiveStore> {
  const { archiveBucket: bucket, storageUrl, storageStyle, awsAccessKeyId, awsSecretAccessKey } = settings;
  if (bucket !== undefined && awsAccessKeyId !== undefined && awsSecretAccessKey !== undefined) {
    const location = {
      bucket,
      region: settings.awsRegion,
      accessKeyId: awsAccessKeyId,
      secretAccessKey: awsSecretAccessKey,
      endpoint: storageUrl,
      style: storageStyle ?? (storageUrl === undefined ? "host" : "path"),
    } as const;
    return { objects: await createS3Store(location, log) };
  }
  const files = await openDirectoryFiles(settings.archiveDir ?? path.join(settings.dataDir, "archives"));
  const swept = await files.sweep(abandonedMs);
  if (swept > 0) log.info({ swept }, "removed uploads that broke off");
  const signer = createPathSigner(master);
  const objects = createDirectoryStore(files, signer);
  return {
    objects,
    serve: (writable) => objectRoutes({ files, signer, maxObjectBytes: objects.maxObjectBytes, writable }),
  };
}
