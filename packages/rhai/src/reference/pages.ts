import { fileURLToPath } from "node:url";
import { apiReference } from "./api.ts";
import { libraryReference } from "./library-list.ts";
import { ruleReference } from "./rule-list.ts";

/** The generated pages of `docs/`, by file name. */
export function pages(): ReadonlyMap<string, string> {
  const source = fileURLToPath(new URL("../", import.meta.url));
  return new Map([
    ["api.md", apiReference(source)],
    ["library.md", libraryReference()],
    ["rules.md", ruleReference()],
  ]);
}
