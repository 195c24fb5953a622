import { HeapValue, Tag } from "./tag.ts";

/** A byte array with value semantics by copy-on-write (see `RhaiArray`). `bytes` never aliases another blob's buffer. */
export class Blob extends HeapValue {
  readonly tag = Tag.Blob;
  bytes: Uint8Array;
  shared = false;
  userTag = 0;
  constructor(bytes: Uint8Array) {
    super();
    this.bytes = bytes;
  }
}
