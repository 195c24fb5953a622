import { Effect, type NativeImpl, Natives } from "../host/natives.ts";
import { Tag } from "../values/tag.ts";
import type { Value } from "../values/value.ts";

/** One letter per parameter type, so that overloads read like signatures: `s` string, `i` INT, `*` anything, … */
const letters: Readonly<Record<string, Tag | -1>> = {
  u: Tag.Unit,
  b: Tag.Bool,
  i: Tag.Int,
  f: Tag.Float,
  c: Tag.Char,
  s: Tag.String,
  a: Tag.Array,
  m: Tag.Map,
  B: Tag.Blob,
  r: Tag.Range,
  R: Tag.RangeInclusive,
  F: Tag.Fn,
  t: Tag.Timestamp,
  I: Tag.Iterator,
  "*": -1,
};

/** Registers the functions of the standard library. */
export class Library {
  readonly natives = new Natives(null);

  /** A function without effect on its arguments; several signatures share one body. */
  fn(name: string, signatures: string, impl: NativeImpl, doc = ""): this {
    return this.add(name, signatures, impl, Effect.None, doc);
  }

  /** Changes its receiver, a container, in place. */
  mutator(name: string, signatures: string, impl: NativeImpl, doc = ""): this {
    return this.add(name, signatures, impl, Effect.InPlace, doc);
  }

  /** Leaves a new receiver in `vm.receiver`. */
  replacer(name: string, signatures: string, impl: NativeImpl, doc = ""): this {
    return this.add(name, signatures, impl, Effect.Replaces, doc);
  }

  /** Hands elements to a callback, which may change them through `this`. */
  visitor(name: string, signatures: string, impl: NativeImpl, doc = ""): this {
    return this.add(name, signatures, impl, Effect.Visits, doc);
  }

  /** A property, also callable as a function. */
  property(name: string, types: string, impl: (self: never) => Value, doc = ""): this {
    for (const letter of types) this.natives.registerGetter(name, letters[letter]!, impl as (self: Value) => Value);
    return this.add(name, [...types].join(" "), impl as NativeImpl, Effect.None, doc);
  }

  private add(name: string, signatures: string, impl: NativeImpl, effect: Effect, doc: string): this {
    for (const signature of signatures.split(" ")) {
      const params = [...(signature === "()" ? "" : signature)].map((letter) => letters[letter]!);
      this.natives.register({ name, params, impl, effect, doc });
    }
    return this;
  }
}
