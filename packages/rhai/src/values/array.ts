import { HeapValue, Tag } from "./tag.ts";
import type { Value } from "./value.ts";

/**
 * An array with value semantics by copy-on-write.
 * `shared` says that more than one place may hold this object: whoever writes takes a copy first.
 */
export class RhaiArray extends HeapValue {
  readonly tag = Tag.Array;
  declare items: Value[];
  shared = false;
  userTag = 0;
  constructor(items: Value[]) {
    super();
    this.items = items;
  }
}
