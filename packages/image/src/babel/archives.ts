import type { EffectiveVariant } from "./model.ts";
import { expandProperties, type PropertyRow } from "./properties.ts";
import { suppliedRows } from "./resources.ts";

/** More combinations than anyone would write pointers for. */
const MOST_COMBINATIONS = 1024;

export type ArchiveChoice =
  | { readonly kind: "store_key"; readonly key: string; readonly implicit: boolean }
  | { readonly kind: "disallowed" };

/** The data set of a node for the chosen values (spec nib-and-images.md §3.6). */
export function archiveOf(
  variant: EffectiveVariant,
  supplied: Readonly<Record<string, string>> | readonly string[],
): ArchiveChoice {
  if (variant.archivePointers.length === 0) {
    return { kind: "store_key", key: `${variant.protocolKey}-${variant.variantKey}`, implicit: true };
  }
  const chosen = combinationId(
    suppliedRows(variant, supplied)
      .filter(isNewArchive)
      .map((row) => row.key),
  );
  const found = variant.archivePointers.find((one) => combinationId(one.newArchiveProperties) === chosen);
  return found?.pointer.kind === "store_key" ? { ...found.pointer, implicit: false } : { kind: "disallowed" };
}

export function isNewArchive(row: PropertyRow): boolean {
  return row.impact?.newArchive ?? false;
}

/** The same id for the same set of keys, whatever their order. */
export function combinationId(keys: readonly string[]): string {
  return [...new Set(keys)].sort().join(" ");
}

/**
 * Every set of `new_archive` rows a node can have: at most one row of each switch or enum. `undefined` when there are too many.
 * Sets with two rows of one group cannot be chosen, so no pointer is asked for.
 */
export function possibleCombinations(variant: Pick<EffectiveVariant, "properties">): (readonly string[])[] | undefined {
  const groups = Map.groupBy(expandProperties(variant).filter(isNewArchive), (row) => row.property.key);
  let combinations: (readonly string[])[] = [[]];
  for (const rows of groups.values()) {
    combinations = combinations.flatMap((keys) => [keys, ...rows.map((row) => [...keys, row.key])]);
    if (combinations.length > MOST_COMBINATIONS) return undefined;
  }
  return combinations;
}
