import { didYouMean } from "../../diagnostics/suggest.ts";
import { combinationId, isNewArchive, possibleCombinations } from "../archives.ts";
import type { Variant } from "../model.ts";
import { expandProperties } from "../properties.ts";
import { effectiveVariant } from "../variant.ts";
import { checkKey } from "./names.ts";
import type { Rule, RuleContext } from "./rule.ts";

const SHORTEST_STORE_KEY = 6;

/** NIB213 store keys and NIB215: each possible combination of `new_archive` rows has exactly one pointer (§3.6). */
export const archivePointers: Rule = (context) => {
  for (const { variant, index } of context.variants) {
    const path = `variants[${index}].archive_pointers`;
    variant.archivePointers.forEach(({ pointer }, pointerIndex) => {
      if (pointer.kind === "store_key") {
        checkKey(context, `${path}[${pointerIndex}].pointer`, pointer.key, "store key", SHORTEST_STORE_KEY, "NIB213");
      }
    });
    const properties = variant.properties === null ? "properties" : `variants[${index}].properties`;
    if (!context.isBroken(path) && !context.isBroken(properties)) checkCover(context, variant, path);
  }
};

function checkCover(context: RuleContext, variant: Variant, path: string): void {
  const effective = effectiveVariant(context.image, variant);
  const rows = expandProperties(effective);
  const choosable = new Set(rows.filter(isNewArchive).map((row) => row.key));
  const seen = new Set<string>();
  let wrong = false;
  variant.archivePointers.forEach((pointer, index) => {
    pointer.newArchiveProperties.forEach((key, keyIndex) => {
      if (choosable.has(key)) return;
      wrong = true;
      const row = rows.find((one) => one.key === key);
      const meant = didYouMean(key, choosable) ?? [...choosable].find((one) => one.startsWith(`${key}-`));
      context.report({
        code: "NIB215",
        path: `${path}[${index}].new_archive_properties[${keyIndex}]`,
        message: row
          ? `"${key}" does not set new_archive, so it never selects a data set`
          : `"${key}" is not an expanded property key`,
        help:
          meant !== undefined
            ? `did you mean ${meant}?`
            : `keys with new_archive: ${[...choosable].join(", ") || "none"}`,
        ...(meant !== undefined && { replace: meant }),
      });
    });
    const id = combinationId(pointer.newArchiveProperties);
    if (seen.has(id)) {
      wrong = true;
      context.report({
        code: "NIB215",
        path: `${path}[${index}]`,
        message: `the combination [${id.replaceAll(" ", ", ")}] has a pointer already`,
        help: "each combination needs exactly one pointer",
      });
    }
    seen.add(id);
  });
  // Without pointers and without choices one archive is implied.
  if (wrong || (seen.size === 0 && choosable.size === 0)) return;
  const combinations = possibleCombinations(effective);
  if (!combinations) {
    context.report({
      code: "NIB215",
      path,
      message: "the properties with new_archive have more combinations than can be covered",
    });
    return;
  }
  const missing = combinations.filter((keys) => !seen.has(combinationId(keys)));
  if (missing.length === 0) return;
  context.report({
    code: "NIB215",
    path,
    message: `no pointer for ${missing.map((keys) => `[${keys.join(", ")}]`).join(", ")}`,
    help: `add:\n${missing.map((keys) => pointerYaml(effective.protocolKey, effective.variantKey, keys)).join("\n")}`,
  });
}

/** Ready to paste below `archive_pointers:`. */
function pointerYaml(protocol: string, variant: string, keys: readonly string[]): string {
  const name = [protocol, variant, ...keys.map((key) => key.replace(/-on$/, "")), "v1"].join("-");
  const pointer = `- pointer: !store_key ${name}`;
  return keys.length === 0 ? pointer : `${pointer}\n  new_archive_properties: [${keys.join(", ")}]`;
}
