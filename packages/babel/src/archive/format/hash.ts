import { createHash } from "node:crypto";
import type { HashAlgorithm } from "./chunk.ts";

/** A hash that is fed piece by piece. */
export type StreamingHash = {
  update(bytes: Uint8Array): void;
  /** Lower-case hex; the hash cannot be used any more. */
  digest(): string;
};

/** Node has sha1 and sha256; blake3 is only read, in archives of the reference: to load it takes a tenth of a second, in every thread. */
export async function streamingHash(algorithm: HashAlgorithm): Promise<StreamingHash> {
  if (algorithm === "blake3") {
    const { createBLAKE3 } = await import("hash-wasm");
    const hash = await createBLAKE3();
    return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest("hex") };
  }
  const hash = createHash(algorithm);
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest("hex") };
}

export async function hashOf(algorithm: HashAlgorithm, bytes: Uint8Array): Promise<string> {
  const hash = await streamingHash(algorithm);
  hash.update(bytes);
  return hash.digest();
}
