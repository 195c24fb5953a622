import type { Chunk, ManifestHeader, PutManifestRequest } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import { invalidArgument } from "../../rpc-error.ts";
import { type Manifest, maxChunks } from "./manifest.ts";
import { chunkOf, summaryOf } from "./manifest-messages.ts";

/** Most files a manifest may place data in, in all its chunks: bounds what one stream makes this process hold. */
const maxDestinations = 5_000_000;

/** A manifest that came in pieces, none larger than a message may be (D6-07); its keys follow once it is clear whose it is. */
export async function collectManifest(parts: AsyncIterable<PutManifestRequest>): Promise<{
  readonly header: ManifestHeader;
  readonly chunks: (storeKey: string, version: bigint) => Manifest;
}> {
  let header: ManifestHeader | undefined;
  const received: Chunk[] = [];
  let destinations = 0;
  for await (const { part } of parts) {
    if (part.case === "header" && header === undefined) header = part.value;
    else if (part.case === "chunks" && header !== undefined) {
      for (const chunk of part.value.chunks) {
        received.push(chunk);
        destinations += chunk.chunk?.destinations.length ?? 0;
      }
    } else throw invalidArgument("part", "a manifest is one header, then chunks");
    if (received.length > maxChunks) throw invalidArgument("chunks", `more than ${maxChunks}`);
    if (destinations > maxDestinations) throw invalidArgument("chunks", `more than ${maxDestinations} destinations`);
  }
  if (header?.summary === undefined) throw invalidArgument("header");
  const summary = summaryOf(header.summary);
  return {
    header,
    chunks: (storeKey, version) => ({
      summary,
      chunks: received.map((chunk, index) => chunkOf(chunk, { storeKey, version, layout: summary.layout, index })),
    }),
  };
}
