import type { RhaiArray } from "./array.ts";
import type { Blob } from "./blob.ts";
import type { Char } from "./char.ts";
import type { Float } from "./float.ts";
import type { FnPtr } from "./fn-pointer.ts";
import type { HostObject } from "./host-object.ts";
import type { SequenceValue } from "./iterator.ts";
import type { RhaiMap } from "./map.ts";
import type { Range } from "./range.ts";
import { Tag } from "./tag.ts";
import type { Tagged } from "./tagged.ts";
import type { Timestamp } from "./timestamp.ts";

/**
 * A script value.
 *
 * `undefined` is `()`. A `number` is always an INT and a safe integer, a `bigint` is an INT outside the safe range
 * (never inside it), a FLOAT is boxed in {@link Float}.
 */
export type Value =
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Float
  | Char
  | RhaiArray
  | RhaiMap
  | Blob
  | Range
  | FnPtr
  | Timestamp
  | SequenceValue
  | HostObject
  | Tagged;

/** The type of a value, as a number. */
export function tagOf(value: Value): Tag {
  switch (typeof value) {
    case "number":
    case "bigint":
      return Tag.Int;
    case "string":
      return Tag.String;
    case "boolean":
      return Tag.Bool;
    case "undefined":
      return Tag.Unit;
    default:
      return value.tag;
  }
}
