import type { HostObject } from "./host-object.ts";
import { Tag } from "./tag.ts";
import type { Tagged } from "./tagged.ts";
import { tagOf, type Value } from "./value.ts";

const names = [
  "()",
  "bool",
  "i64",
  "f64",
  "char",
  "string",
  "array",
  "map",
  "blob",
  "range",
  "range=",
  "Fn",
  "timestamp",
  "range",
];

/** What `type_of` gives. */
export function typeNameOf(value: Value): string {
  const tag = tagOf(value);
  if (tag < Tag.Tagged) return names[tag]!;
  if (tag === Tag.Tagged) return typeNameOf((value as Tagged).value);
  return (value as HostObject).typeName;
}

/** How the type of an argument shows in "function not found" texts. */
function signatureName(value: Value): string {
  const name = typeNameOf(value);
  return name === "string" ? "&str | ImmutableString | String" : name;
}

export function signature(name: string, args: readonly Value[]): string {
  return `${name} (${args.map(signatureName).join(", ")})`;
}

/** The host's own name of a type where the reference shows that: for ranges in the place of something else. */
export function nativeTypeName(value: Value): string {
  const name = typeNameOf(value);
  if (name === "range" && tagOf(value) === Tag.Range) return "core::ops::range::Range<i64>";
  return name === "range=" ? "core::ops::range::RangeInclusive<i64>" : name;
}
