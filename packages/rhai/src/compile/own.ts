import { RhaiArray } from "../values/array.ts";
import { Blob } from "../values/blob.ts";
import { unshare } from "../values/copy.ts";
import { RhaiMap } from "../values/map.ts";
import type { Value } from "../values/value.ts";

/** The value for somebody who is going to change it: a copy when others hold it too. */
export function unshareOwn(value: Value): Value {
  if (value instanceof RhaiArray || value instanceof RhaiMap || value instanceof Blob) {
    return value.shared ? unshare(value) : value;
  }
  return value;
}
