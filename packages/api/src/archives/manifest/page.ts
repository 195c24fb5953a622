import { failedPrecondition } from "../../rpc-error.ts";
import type { ManifestChunk } from "./manifest.ts";

/** Leaves room for urls below the 4 MiB that clients may take for granted. */
const largestPage = 2 * 1024 * 1024;
/** Who asks for certain chunks wants them all; their files may be a great many small ones. */
const largestAnswer = 32 * 1024 * 1024;

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
  const largest = "first" in wanted ? largestPage : largestAnswer;
  const page: number[] = [];
  let bytes = 0;
  for (const index of indexes) {
    const chunk = chunks[index];
    if (chunk === undefined) throw failedPrecondition("Unknown chunk index.");
    bytes += 200 + chunk.destinations.reduce((sum, { path }) => sum + path.length + 24, 0);
    if (page.length > 0 && bytes > largest) break;
    page.push(index);
  }
  return page;
}
