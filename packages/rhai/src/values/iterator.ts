import { HeapValue, Tag } from "./tag.ts";
import type { Value } from "./value.ts";

/**
 * The result of `range(a, b, step)`, `chars(…)` and `bits(…)`: something `for` can walk.
 * Scripts see it as `range`. Each walk starts afresh, as copies of the value do in the reference.
 */
export class SequenceValue extends HeapValue {
  readonly tag = Tag.Iterator;
  readonly native: string;
  readonly start: () => Iterator<Value>;
  /** For steps of plain numbers: walked without an iterator. */
  readonly steps: { readonly from: number; readonly to: number; readonly by: number } | null;
  constructor(native: string, start: () => Iterator<Value>, steps: SequenceValue["steps"] = null) {
    super();
    this.native = native;
    this.start = start;
    this.steps = steps;
  }
}
