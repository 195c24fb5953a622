import { planParts } from "./blueprint.ts";
import type { UploadLayout } from "./layout.ts";
import { replanParts } from "./replan.ts";

/** Chunks by number, as the reference reads them. (§5.4) */
export function partsLayout(numberOfChunks: number | undefined): UploadLayout {
  return {
    mayStayRaw: false,
    parent: undefined,
    plan(files, maxBytes) {
      const parts = planParts(files, numberOfChunks);
      const least = Math.ceil(files.bytes / maxBytes);
      return parts.length >= least ? parts : planParts(files, least);
    },
    refit: replanParts,
    identify: async () => [],
    slotOf: ({ index }) => String(index),
    printOf: ({ print }) => print,
    wishOf: ({ index }) => ({ kind: "part", index }),
    idOf: () => undefined,
    published: async () => undefined,
  };
}
