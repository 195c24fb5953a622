import type { Int } from "./int.ts";
import { HeapValue, Tag } from "./tag.ts";

/** `from..to` or `from..=to` of INTs. */
export class Range extends HeapValue {
  readonly tag: Tag;
  readonly from: Int;
  readonly to: Int;
  readonly inclusive: boolean;
  constructor(from: Int, to: Int, inclusive: boolean) {
    super();
    this.tag = inclusive ? Tag.RangeInclusive : Tag.Range;
    this.from = from;
    this.to = to;
    this.inclusive = inclusive;
  }
}
