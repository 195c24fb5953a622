import { checksumMessage } from "./manifest/manifest-messages.ts";
import type { KnownChunk } from "./versions/known-chunks.ts";

/** Everything that a manifest has to say about a chunk that is stored already. */
export const storedChunkMessage = ({ id, size, checksum, codec }: KnownChunk) => ({
  id: Uint8Array.from(Buffer.from(id, "hex")),
  size: BigInt(size),
  checksum: checksumMessage(checksum),
  codec,
});
