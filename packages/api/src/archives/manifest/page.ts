import { failedPrecondition } from "../../rpc-error.ts";
import type { ManifestChunk } from "./manifest.ts";

/** Leaves room for urls below the 4 MiB that a message may have. */
const largestPage = 2 * 1024 * 1024;

/** The indexes of a page: as many as fit into a message, at least one. @throws FAILED_PRECONDITION for an unknown index */
export function inPage(
  chunks: readonly ManifestChunk[],
  wanted: readonly number[] | { readonly first: number; readonly count: number },
): readonly number[] {
  const indexes =
    "first" in wanted
      ? Array.from(
          { length: Math.max(0, Math.min(wanted.count, chunks.length - wanted.first)) },
          (_, at) => wanted.first + at,
        )
      : wanted;
  const page: number[] = [];
  let bytes = 0;
  for (const index of indexes) {
    const chunk = chunks[index];
    if (chunk === undefined) throw failedPrecondition("Unknown chunk index.");
    bytes += 200 + chunk.destinations.reduce((sum, { path }) => sum + path.length * 3 + 24, 0);
    if (page.length > 0 && bytes > largestPage) break;
    page.push(index);
  }
  return page;
}
