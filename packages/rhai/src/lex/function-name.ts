import { RhaiError } from "../errors/rhai-error.ts";
import { notFoundText } from "../errors/throwing.ts";
import { keywords, reservedWords } from "./token.ts";

const IDENTIFIER = /^_*[A-Za-z][A-Za-z0-9_]*$/;
const SYMBOL = /^(?:[-+*/%<>=!&|^~?@$#.:;,]+|[(){}[\]])$/;

/** Why a text cannot name a function (`Fn("…")`, callbacks by name); null when it can. The error has no place yet. */
export function invalidFunctionName(name: string): RhaiError | null {
  const isWord = IDENTIFIER.test(name);
  if (isWord ? reservedWords.has(name) || keywords.has(name) : SYMBOL.test(name)) {
    const what = isWord ? "keyword" : "symbol";
    return new RhaiError("ErrorParsing", `'${name}' is a reserved ${what}`, { parseKind: "Reserved" });
  }
  return isWord ? null : notFoundText(name);
}
