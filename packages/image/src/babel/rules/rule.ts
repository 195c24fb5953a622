import type { Severity } from "../../diagnostics/diagnostic.ts";
import type { Image, Property, Variant } from "../model.ts";

/** What a rule looks at. Paths name places in the file; broken places were reported by the decoder and are skipped. */
export interface RuleContext {
  readonly image: Image;
  /** The variants to look at, with their index in the file. */
  readonly variants: readonly { readonly variant: Variant; readonly index: number }[];
  readonly isBroken: (path: string) => boolean;
  readonly report: (finding: RuleFinding) => void;
}

interface RuleFinding {
  readonly code: string;
  readonly severity?: Severity;
  readonly path: string;
  readonly message: string;
  readonly help?: string;
  /** Text that should stand at `path` instead. */
  readonly replace?: string;
}

export type Rule = (context: RuleContext) => void;

/** Each list of properties that counts for the chosen variants, once, with the path it was written at. */
export function propertyLists(
  context: RuleContext,
): { readonly path: string; readonly properties: readonly Property[] }[] {
  const lists = context.variants.flatMap(({ variant, index }) =>
    variant.properties === null ? [] : [{ path: `variants[${index}].properties`, properties: variant.properties }],
  );
  const inherited = context.variants.some(({ variant }) => variant.properties === null);
  return inherited ? [{ path: "properties", properties: context.image.properties }, ...lists] : lists;
}

/** Calls `report` for each entry whose key was there before. */
export function duplicates(keys: readonly string[], report: (index: number, key: string) => void): void {
  const seen = new Set<string>();
  keys.forEach((key, index) => {
    if (seen.has(key)) report(index, key);
    seen.add(key);
  });
}
