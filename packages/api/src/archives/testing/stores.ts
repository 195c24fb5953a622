import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { listen } from "../../listener/listener.ts";
import { quiet } from "../../testing/api-under-test.ts";
import { openDirectoryFiles } from "../store/directory-files.ts";
import { createDirectoryStore } from "../store/directory-store.ts";
import { objectRoutes } from "../store/object-routes.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { createS3Store } from "../store/s3-store.ts";
import { createPathSigner } from "../store/signed-path.ts";
import { startS3rver } from "./s3rver.ts";
import { startSwift } from "./swift.ts";

/**
 * `signatures`: urls are not checked; `hashes`: x-amz-checksum-sha256 is not compared; `suffixes`: "bytes=-5" means something else;
 * `wholeness`: an upload that breaks off leaves what came; `pages`: a second page of a listing cannot be had.
 */
type Gap = "signatures" | "hashes" | "suffixes" | "wholeness" | "pages";

export interface StoreUnderTest {
  readonly store: ObjectStore;
  readonly origin: string;
  /** What this server, which is not ours, does not do as S3 does; everything else of the suite holds for it. */
  readonly gaps: ReadonlySet<Gap>;
  /** the folder of the objects, when there is one */
  readonly objects?: string;
  close(): Promise<void>;
}

/** Every store that the suite runs against, by name. */
export const storesUnderTest: Readonly<Record<string, () => Promise<StoreUnderTest>>> = {
  directory: () => startDirectory(),
  "s3 by s3rver": startOnS3rver,
  "s3 by OpenStack Swift": startOnSwift,
};

/** @param folder an empty one; absent: one of its own */
export async function startDirectory(folder?: string): Promise<StoreUnderTest> {
  const root = folder ?? (await mkdtemp(path.join(tmpdir(), "blockvisor-archives-")));
  const files = await openDirectoryFiles(root);
  const signer = createPathSigner(Buffer.alloc(32, 3));
  const store = createDirectoryStore(files, signer);
  const serve = objectRoutes({ files, signer, maxObjectBytes: store.maxObjectBytes, writable: async () => true });
  const listener = await listen({
    host: "127.0.0.1",
    port: 0,
    concurrency: 100,
    handler: (request, response) => void serve(request, response).catch(() => response.destroy()),
  });
  return {
    store,
    origin: listener.url,
    gaps: new Set(),
    objects: files.objects,
    async close() {
      await listener.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

async function startOnS3rver(): Promise<StoreUnderTest> {
  const { location, stop } = await startS3rver();
  const gaps = new Set(["signatures", "hashes", "suffixes", "wholeness", "pages"] as const);
  return { store: await createS3Store(location, quiet), origin: "", gaps, close: stop };
}

async function startOnSwift(): Promise<StoreUnderTest> {
  const { location, stop } = await startSwift();
  return { store: await createS3Store(location, quiet), origin: "", gaps: new Set(["hashes"]), close: stop };
}
