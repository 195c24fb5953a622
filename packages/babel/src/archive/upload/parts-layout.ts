import { planParts } from "./blueprint.ts";
import type { UploadLayout } from "./layout.ts";
import { replanParts } from "./replan.ts";

/**
 * Chunks by number, as the reference reads them. (§5.4) Whatever number of them is asked for, none is larger than what a store takes with one PUT (S3:
 * 5 GiB), so there are no uploads in several parts.
 */
export function partsLayout(numberOfChunks: number | undefined): UploadLayout {
  return {
    mayStayRaw: false,
    parent: undefined,
    plan: (files, maxBytes) => planParts(files, numberOfChunks, maxBytes),
    refit: replanParts,
    identify: async () => [],
    slotOf: ({ index }) => String(index),
    printOf: ({ print }) => print,
    wishOf: ({ index }) => ({ kind: "part", index }),
    idOf: () => undefined,
    published: async () => undefined,
  };
}
