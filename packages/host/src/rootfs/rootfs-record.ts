import { join } from "node:path";
import { z } from "zod";
import { readVersioned, writeDurable } from "../durable/index.ts";

/** `rootfs.json` of one version: written before the version becomes visible, never changed. */
export interface RootfsRecord {
  readonly imageDigest: string;
  readonly storage: "overlay" | "reflink" | "copy";
}

const format = {
  version: 1,
  schema: z.object({ image_digest: z.string(), storage: z.enum(["overlay", "reflink", "copy"]) }),
} as const;

export async function readRootfsRecord(folder: string): Promise<RootfsRecord | undefined> {
  const found = await readVersioned(join(folder, "rootfs.json"), format);
  return found && { imageDigest: found.image_digest, storage: found.storage };
}

export function writeRootfsRecord(folder: string, { imageDigest, storage }: RootfsRecord): Promise<void> {
  const document = { schema_version: format.version, image_digest: imageDigest, storage };
  return writeDurable(join(folder, "rootfs.json"), JSON.stringify(document));
}
