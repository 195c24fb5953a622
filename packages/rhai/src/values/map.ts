import { compareText } from "../text/code-points.ts";
import { HeapValue, Tag } from "./tag.ts";
import type { Value } from "./value.ts";

/** The keys of a map literal, in key order: maps made by the same literal share one shape. */
export class Shape {
  readonly keys: readonly string[];
  private readonly positions: Map<string, number>;
  constructor(keys: readonly string[]) {
    this.keys = keys;
    this.positions = new Map(keys.map((key, i) => [key, i]));
  }
  /** Position of a key, or -1. */
  find(key: string): number {
    return this.positions.get(key) ?? -1;
  }
}

/**
 * An object map with value semantics by copy-on-write (see `RhaiArray`).
 * Maps made by a literal keep their values in an array laid out by a {@link Shape}; adding or removing a key turns
 * the map into a dictionary whose key order is worked out when somebody looks at it.
 */
export class RhaiMap extends HeapValue {
  readonly tag = Tag.Map;
  declare shape: Shape | null;
  declare values: Value[];
  declare dictionary: Map<string, Value> | null;
  private sorted: readonly string[] | null = null;
  shared = false;
  userTag = 0;

  constructor(shape: Shape | null, values: Value[]) {
    super();
    this.shape = shape;
    this.values = values;
    this.dictionary = shape === null ? new Map() : null;
  }

  static fromEntries(entries: Iterable<readonly [string, Value]>): RhaiMap {
    const map = new RhaiMap(null, []);
    for (const [key, value] of entries) map.dictionary!.set(key, value);
    return map;
  }

  get size(): number {
    return this.dictionary === null ? this.values.length : this.dictionary.size;
  }

  has(key: string): boolean {
    return this.dictionary === null ? this.shape!.find(key) >= 0 : this.dictionary.has(key);
  }

  /** The value, or `()` when the key is missing. */
  get(key: string): Value {
    if (this.dictionary !== null) return this.dictionary.get(key);
    const at = this.shape!.find(key);
    return at < 0 ? undefined : this.values[at];
  }

  set(key: string, value: Value): void {
    if (this.dictionary === null) {
      const at = this.shape!.find(key);
      if (at >= 0) {
        this.values[at] = value;
        return;
      }
      this.toDictionary();
    }
    const before = this.dictionary!.size;
    this.dictionary!.set(key, value);
    if (this.dictionary!.size !== before) this.sorted = null;
  }

  delete(key: string): void {
    if (!this.has(key)) return;
    if (this.dictionary === null) this.toDictionary();
    this.dictionary!.delete(key);
    this.sorted = null;
  }

  clear(): void {
    this.shape = null;
    this.values = [];
    this.dictionary = new Map();
    this.sorted = null;
  }

  /** Keys in Unicode code point order. */
  keys(): readonly string[] {
    if (this.dictionary === null) return this.shape!.keys;
    return (this.sorted ??= [...this.dictionary.keys()].sort(compareText));
  }

  copy(): RhaiMap {
    const copy = new RhaiMap(this.shape, []);
    copy.userTag = this.userTag;
    if (this.dictionary === null) {
      copy.values = this.values.slice();
      for (const value of copy.values) markShared(value);
    } else {
      copy.dictionary = new Map(this.dictionary);
      copy.sorted = this.sorted;
      for (const value of copy.dictionary.values()) markShared(value);
    }
    return copy;
  }

  private toDictionary(): void {
    const { keys } = this.shape!;
    this.dictionary = new Map();
    for (let i = 0; i < keys.length; i++) this.dictionary.set(keys[i]!, this.values[i]);
    this.sorted = keys;
    this.shape = null;
    this.values = [];
  }
}

function markShared(value: Value): void {
  if (typeof value === "object" && "shared" in value) value.shared = true;
}
