import { equal, isList, isMap, isNumber, type Value } from "./value.ts";

/** A test in `x is name(args…)`; undefined is what a variable is that nobody set. Returns a text when it cannot tell. */
export type Test = (value: Value | undefined, args: readonly Value[]) => boolean | string;

export const TESTS: Readonly<Record<string, Test>> = {
  defined: (value) => value !== undefined,
  undefined: (value) => value === undefined,
  odd: (value) => integer(value, (number) => number % 2n !== 0n),
  even: (value) => integer(value, (number) => number % 2n === 0n),
  string: (value) => typeof value === "string",
  number: (value) => value !== undefined && isNumber(value),
  divisibleby: (value, [divisor]) =>
    integer(divisor, (by) => (by === 0n ? "division by zero" : integer(value, (number) => number % by === 0n))),
  iterable: (value) => value !== undefined && (isList(value) || isMap(value)),
  object: (value) => value !== undefined && isMap(value),
  starting_with: (value, [other]) => strings(value, other, (text, part) => text.startsWith(part)),
  ending_with: (value, [other]) => strings(value, other, (text, part) => text.endsWith(part)),
  containing: (value, [other]) => {
    if (value !== undefined && other !== undefined && isList(value)) return value.some((item) => equal(item, other));
    if (value !== undefined && isMap(value) && typeof other === "string") return Object.hasOwn(value, other);
    return strings(value, other, (text, part) => text.includes(part));
  },
  matching: (value, [other]) =>
    strings(value, other, (text, pattern) => {
      try {
        return new RegExp(pattern, "u").test(text);
      } catch {
        return `not a regular expression: ${pattern}`;
      }
    }),
};

function integer(value: Value | undefined, test: (number: bigint) => boolean | string): boolean | string {
  if (value === undefined || !isNumber(value) || (typeof value === "number" && !Number.isInteger(value))) {
    return "needs an integer";
  }
  return test(BigInt(value));
}

function strings(
  value: Value | undefined,
  other: Value | undefined,
  test: (text: string, part: string) => boolean | string,
): boolean | string {
  return typeof value === "string" && typeof other === "string" ? test(value, other) : "needs strings";
}
