import { readFileSync } from "node:fs";

/** Real programs to break: the scripts of the reference's own tests. */
export function corpus(): readonly string[] {
  const file = new URL("../../conformance/tests.jsonl", import.meta.url);
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  return lines.map((line) => (JSON.parse(line) as { readonly script: string }).script);
}
