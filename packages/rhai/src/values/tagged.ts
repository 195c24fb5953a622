import { HeapValue, Tag } from "./tag.ts";
import type { Value } from "./value.ts";

/** A primitive on which a script has set `tag`; arrays, maps and blobs carry theirs themselves. */
export class Tagged extends HeapValue {
  readonly tag = Tag.Tagged;
  readonly value: Value;
  readonly userTag: number;
  constructor(value: Value, userTag: number) {
    super();
    this.value = value;
    this.userTag = userTag;
  }
}

export function untag(value: Value): Value {
  return value instanceof Tagged ? value.value : value;
}
