/** Where archives' bytes lie. Both kinds pass the suite of `conformance.test.ts`. */
export interface ObjectStore {
  readonly kind: "directory" | "s3";
  /** the largest object that one PUT makes */
  readonly maxObjectBytes: number;
  /** @returns the object's bytes, undefined when it does not exist. @throws when it has more than `maxBytes` */
  get(key: string, maxBytes: number): Promise<Buffer | undefined>;
  /** Writes or replaces an object; durable and visible as a whole, or not at all. */
  put(key: string, body: Uint8Array): Promise<void>;
  /**
   * Writes an object that must not exist. Servers that ignore `If-None-Match` make this a look followed by a write: callers hold the
   * version's claim in the database while they use it. @returns false when it exists already, with whatever content
   */
  create(key: string, body: Uint8Array): Promise<boolean>;
  head(key: string): Promise<ObjectFacts | undefined>;
  /** Every object whose key begins with `prefix`, however many pages that takes. */
  list(prefix: string): AsyncIterable<ObjectFacts>;
  /** The names one level below `prefix` (which ends with `/`) that have objects below them. */
  folders(prefix: string): Promise<readonly string[]>;
  /** What does not exist is deleted already. */
  delete(key: string): Promise<void>;
  signGet(key: string, options: SignGet): Promise<string>;
  signPut(key: string, options: SignPut): Promise<SignedPut>;
}

export interface ObjectFacts {
  readonly key: string;
  readonly size: number;
  readonly modified: Date;
}

export interface SignGet {
  /** life of the url in seconds */
  readonly seconds: number;
  /** scheme and authority under which the caller reaches this process; stores with an address of their own ignore it */
  readonly origin: string;
}

interface SignPut extends SignGet {
  /** when given, a body of any other length is refused */
  readonly size?: number | undefined;
  /** when given, a body with any other hash is refused by stores that check (32 bytes) */
  readonly sha256?: Uint8Array | undefined;
}

interface SignedPut {
  readonly url: string;
  /** part of what is signed: to be sent as they are */
  readonly headers: Readonly<Record<string, string>>;
}
