import { HeapValue, Tag } from "./tag.ts";

/** A monotonic instant, in seconds since an arbitrary origin (held in nanoseconds to keep sums exact). */
export class Timestamp extends HeapValue {
  readonly tag = Tag.Timestamp;
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    super();
    this.nanos = nanos;
  }
}
