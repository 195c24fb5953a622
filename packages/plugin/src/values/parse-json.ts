import { Float, RhaiArray, RhaiMap, type Value } from "@blockvisor/rhai";

export class JsonError extends Error {
  override readonly name = "JsonError";
}

const DEEPEST = 128;
const INT_MIN = -(2n ** 63n);
const INT_MAX = 2n ** 63n - 1n;

const BLANK = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const PLAIN_TEXT = /[^"\\\x00-\x1f]*/y;
const WORDS: readonly (readonly [string, Value])[] = [
  ["true", true],
  ["false", false],
  ["null", undefined],
];
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/**
 * Strict RFC 8259, any value at the top; never evaluates anything. INT when the number has neither fraction nor exponent and fits i64,
 * else FLOAT; the last of equal keys wins; 128 levels deep at most. Throws `JsonError`.
 */
export function parseJson(text: string): Value {
  let at = 0;

  const fail = (what: string): never => {
    const before = text.slice(0, at).split("\n");
    throw new JsonError(`invalid JSON: ${what} (line ${before.length}, position ${before.at(-1)!.length + 1})`);
  };
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) at = pattern.lastIndex;
    return found;
  };
  const unexpected = (): never =>
    fail(
      at >= text.length
        ? "unexpected end"
        : `unexpected ${JSON.stringify(String.fromCodePoint(text.codePointAt(at)!))}`,
    );
  const take = (char: string): void => {
    if (text[at] !== char) unexpected();
    at++;
  };

  const readValue = (depth: number): Value => {
    if (depth > DEEPEST) fail(`more than ${DEEPEST} levels`);
    match(BLANK);
    const value = readBare(depth);
    match(BLANK);
    return value;
  };
  const readBare = (depth: number): Value => {
    const first = text[at];
    if (first === "{") return readObject(depth);
    if (first === "[") return readArray(depth);
    if (first === '"') return readString();
    const word = WORDS.find(([spelling]) => text.startsWith(spelling, at));
    if (word) {
      at += word[0].length;
      return word[1];
    }
    return readNumber();
  };
  const readObject = (depth: number): Value => {
    const entries: [string, Value][] = [];
    at++;
    match(BLANK);
    if (text[at] === "}") at++;
    else {
      do {
        match(BLANK);
        if (text[at] !== '"') unexpected();
        const key = readString();
        match(BLANK);
        take(":");
        entries.push([key, readValue(depth + 1)]);
      } while (text[at] === "," && ++at);
      take("}");
    }
    return RhaiMap.fromEntries(entries);
  };
  const readArray = (depth: number): Value => {
    const items: Value[] = [];
    at++;
    match(BLANK);
    if (text[at] === "]") at++;
    else {
      do items.push(readValue(depth + 1));
      while (text[at] === "," && ++at);
      take("]");
    }
    return new RhaiArray(items);
  };
  const readString = (): string => {
    at++;
    let result = "";
    for (;;) {
      result += match(PLAIN_TEXT)![0];
      const char = text[at];
      if (char === '"') {
        at++;
        return result.isWellFormed() ? result : result.toWellFormed();
      }
      if (char !== "\\") return unexpected();
      at++;
      result += readEscape();
    }
  };
  const readEscape = (): string => {
    const char = text[at] ?? "";
    const simple = ESCAPES[char];
    if (simple !== undefined) {
      at++;
      return simple;
    }
    const digits = text.slice(at + 1, at + 5);
    if (char !== "u" || !/^[0-9a-fA-F]{4}$/.test(digits)) return fail(`invalid escape \\${char}`);
    at += 5;
    return String.fromCharCode(Number.parseInt(digits, 16));
  };
  const readNumber = (): Value => {
    const found = match(NUMBER);
    if (!found) return unexpected();
    const [source, fraction, exponent] = found;
    if (fraction === undefined && exponent === undefined) {
      const value = BigInt(source);
      if (value >= INT_MIN && value <= INT_MAX) return Number.isSafeInteger(Number(value)) ? Number(value) + 0 : value;
    }
    return new Float(Number(source));
  };

  const value = readValue(0);
  if (at < text.length) unexpected();
  return value;
}
