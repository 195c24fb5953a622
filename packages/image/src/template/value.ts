/** What templates compute with: JSON, with integers beyond 2^53 as bigint. */
export type Value = null | boolean | number | bigint | string | readonly Value[] | ValueMap;
export type ValueMap = { readonly [key: string]: Value };

export const isMap = (value: Value): value is ValueMap =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const isList = (value: Value): value is readonly Value[] => Array.isArray(value);
export const isNumber = (value: Value): value is number | bigint =>
  typeof value === "number" || typeof value === "bigint";

/** JSON text; integers keep all their digits. */
export function parseValue(text: string): Value {
  return JSON.parse(text, (_key, value: Value, context?: { readonly source?: string }) => {
    const source = context?.source;
    const lossy = typeof value === "number" && source !== undefined && /^-?\d+$/.test(source);
    return lossy && !Number.isSafeInteger(value) ? BigInt(source) : value;
  }) as Value;
}

/** As it is printed: null is nothing, a list is `[a, b]`, an object is `[object]`. (babel-agent §2.4) */
export function printed(value: Value): string {
  if (value === null) return "";
  if (typeof value === "number") return numberText(value);
  if (isList(value)) return `[${value.map(printed).join(", ")}]`;
  return isMap(value) ? "[object]" : String(value);
}

/** Shortest digits that read back as the same number, never with an exponent. */
function numberText(value: number): string {
  const text = String(value);
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (match === null) return text;
  const [, sign = "", first = "", rest = "", exponent = "0"] = match;
  const digits = first + rest;
  const point = 1 + Number(exponent);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return `${sign}${digits.padEnd(point, "0")}`;
}

export function isTruthy(value: Value): boolean {
  if (isList(value)) return value.length > 0;
  if (isMap(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** Keys in the order of their bytes, as the reference iterates them. */
export const sortedKeys = (map: ValueMap): readonly string[] =>
  Object.keys(map).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

export function equal(a: Value, b: Value): boolean {
  if (isNumber(a) && isNumber(b)) return Number(a) === Number(b);
  if (isList(a) && isList(b)) return a.length === b.length && a.every((item, index) => equal(item, b[index]!));
  if (isMap(a) && isMap(b)) {
    const keys = Object.keys(a);
    return (
      keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && equal(a[key]!, b[key]!))
    );
  }
  return a === b;
}

/** `json_encode`, with sorted keys; integers keep all their digits. */
export function toJson(value: Value, pretty: boolean, margin = ""): string {
  if (typeof value === "bigint") return String(value);
  if (!isList(value) && !isMap(value)) return JSON.stringify(value);
  const inner = pretty ? `${margin}  ` : "";
  const items = isList(value)
    ? value.map((item) => toJson(item, pretty, inner))
    : sortedKeys(value).map(
        (key) => `${JSON.stringify(key)}:${pretty ? " " : ""}${toJson(value[key]!, pretty, inner)}`,
      );
  const [open, close] = isList(value) ? "[]" : "{}";
  if (!pretty || items.length === 0) return `${open}${items.join(",")}${close}`;
  return `${open}\n${items.map((item) => inner + item).join(",\n")}\n${margin}${close}`;
}

/** For messages: what kind of thing a value is. */
export function kindOf(value: Value): string {
  if (value === null) return "null";
  if (isList(value)) return "an array";
  if (isMap(value)) return "an object";
  return isNumber(value) ? "a number" : `a ${typeof value}`;
}
