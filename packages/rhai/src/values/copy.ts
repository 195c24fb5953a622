import { RhaiArray } from "./array.ts";
import { Blob } from "./blob.ts";
import { RhaiMap } from "./map.ts";
import { Tag } from "./tag.ts";
import type { Value } from "./value.ts";

/** Marks a value as held in more than one place. O(1); the copy happens when one side writes. */
export function share(value: Value): Value {
  if (typeof value === "object" && value.tag >= Tag.Array && value.tag <= Tag.Blob) {
    (value as RhaiArray | RhaiMap | Blob).shared = true;
  }
  return value;
}

/** A copy of one level; the elements become shared between both. */
export function unshare<T extends RhaiArray | RhaiMap | Blob>(value: T): T {
  if (value instanceof RhaiArray) {
    const copy = new RhaiArray(value.items.slice());
    for (const item of copy.items) if (typeof item === "object") share(item);
    copy.userTag = value.userTag;
    return copy as T;
  }
  if (value instanceof RhaiMap) return value.copy() as T;
  const copy = new Blob(value.bytes.slice());
  copy.userTag = value.userTag;
  return copy as T;
}
