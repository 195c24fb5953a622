import { HeapValue, Tag } from "./tag.ts";

/** A FLOAT (`f64`). Boxed, because plain JavaScript numbers are INTs: scripts use those far more often. */
export class Float extends HeapValue {
  readonly tag = Tag.Float;
  declare readonly n: number;
  constructor(n: number) {
    super();
    this.n = n;
  }
}
