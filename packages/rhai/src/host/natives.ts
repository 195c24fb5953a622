import { indexerUnavailable } from "../errors/throwing.ts";
import type { HostText } from "../text/format.ts";
import type { HostObject } from "../values/host-object.ts";
import type { Tag } from "../values/tag.ts";
import { typeNameOf } from "../values/type-name.ts";
import { tagOf, type Value } from "../values/value.ts";

/** What a native function does to its first argument. */
export const Effect = {
  None: 0,
  /** Changes the container in place. */
  InPlace: 1,
  /** Leaves a new receiver in `vm.receiver`. */
  Replaces: 2,
  /** Works on constants too, but a callback may change elements: then `vm.receiver` holds the new receiver. */
  Visits: 3,
} as const;

export type Effect = (typeof Effect)[keyof typeof Effect];

// biome-ignore lint/suspicious/noExplicitAny: arguments were checked against the overload's parameter types
export type NativeImpl = (...args: any[]) => Value;

/** One overload of a native function. */
export interface Native {
  readonly name: string;
  /** Tags of the parameters; -1 accepts anything. */
  readonly params: readonly (Tag | -1)[];
  readonly impl: NativeImpl;
  readonly effect: Effect;
  readonly doc: string;
}

/** Stands for the tags of an argument list. */
export type SignatureKey = number | string;

const ANY = 255;

export function signatureKey(args: readonly Value[]): SignatureKey {
  if (args.length > 6) return args.map(tagOf).join();
  let key = 0;
  for (let i = args.length - 1; i >= 0; i--) key = key * 256 + tagOf(args[i]);
  return key;
}

function keyOfTags(tags: readonly number[]): SignatureKey {
  if (tags.length > 6) return tags.join();
  let key = 0;
  for (let i = tags.length - 1; i >= 0; i--) key = key * 256 + tags[i]!;
  return key;
}

type Getter = (self: Value) => Value;
type Setter = (self: Value, value: Value) => Value;

/** How values of a host type behave beyond their functions. */
export interface HostBehaviour {
  readonly index?: (self: HostObject, index: Value) => Value;
  readonly setIndex?: (self: HostObject, index: Value, value: Value) => void;
  readonly iterate?: (self: HostObject) => Iterable<Value>;
  readonly display?: (self: HostObject) => string;
  readonly debug?: (self: HostObject) => string;
  readonly rawName: string;
}

/** Native functions, getters and setters by name and types. An engine's own ones come before the standard library. */
export class Natives implements HostText {
  private readonly byName = new Map<string, Map<number, Map<SignatureKey, Native>>>();
  private readonly getters = new Map<string, Map<Tag, Getter>>();
  private readonly setters = new Map<string, Map<Tag, { readonly value: Tag | -1; readonly set: Setter }>>();
  private readonly hostTypes = new Map<Tag, HostBehaviour>();
  private resolved = new Map<string, Map<SignatureKey, Native | null>>();
  private readonly base: Natives | null;

  constructor(base: Natives | null) {
    this.base = base;
  }

  register(native: Native): void {
    let byArity = this.byName.get(native.name);
    if (byArity === undefined) this.byName.set(native.name, (byArity = new Map()));
    let overloads = byArity.get(native.params.length);
    if (overloads === undefined) byArity.set(native.params.length, (overloads = new Map()));
    overloads.set(keyOfTags(native.params.map((tag) => (tag < 0 ? ANY : tag))), native);
    this.resolved.clear();
  }

  registerGetter(name: string, tag: Tag, get: Getter): void {
    let byTag = this.getters.get(name);
    if (byTag === undefined) this.getters.set(name, (byTag = new Map()));
    byTag.set(tag, get);
  }

  registerSetter(name: string, tag: Tag, value: Tag | -1, set: Setter): void {
    let byTag = this.setters.get(name);
    if (byTag === undefined) this.setters.set(name, (byTag = new Map()));
    byTag.set(tag, { value, set });
  }

  registerHostType(tag: Tag, behaviour: HostBehaviour): void {
    this.hostTypes.set(tag, behaviour);
  }

  /** The overload for these arguments: exact types first, then with "any" from the last parameter on (spec 8.5). */
  find(name: string, args: readonly Value[], key: SignatureKey = signatureKey(args)): Native | null {
    const cacheKey = `${name}/${args.length}`;
    let cache = this.resolved.get(cacheKey);
    if (cache === undefined) this.resolved.set(cacheKey, (cache = new Map()));
    let native = cache.get(key);
    if (native === undefined) {
      native = this.search(name, args.map(tagOf));
      cache.set(key, native);
    }
    return native;
  }

  private search(name: string, tags: readonly Tag[]): Native | null {
    const exact = this.lookup(name, tags);
    if (exact !== null || tags.length > 16) return exact;
    const overloads = this.arityOf(name, tags.length);
    if (overloads.length === 0) return null;
    const combinations = 1 << Math.min(tags.length, 10);
    for (let mask = 1; mask < combinations; mask++) {
      const candidate = tags.map((tag, i) => ((mask >> (tags.length - 1 - i)) & 1 ? ANY : tag));
      const found = this.lookup(name, candidate);
      if (found !== null) return found;
    }
    return null;
  }

  private lookup(name: string, tags: readonly number[]): Native | null {
    const own = this.byName.get(name)?.get(tags.length)?.get(keyOfTags(tags));
    return own ?? this.base?.lookup(name, tags) ?? null;
  }

  private arityOf(name: string, arity: number): Native[] {
    const own = this.byName.get(name)?.get(arity);
    return [...(own?.values() ?? []), ...(this.base?.arityOf(name, arity) ?? [])];
  }

  /** The engine has overloads of its own for a name that the standard library knows too. */
  redefines(name: string, arity: number): boolean {
    return this.base !== null && (this.byName.get(name)?.has(arity) === true || this.base.redefines(name, arity));
  }

  /** Every overload of every function, the engine's own first. */
  all(): Native[] {
    const own = [...this.byName.values()].flatMap((byArity) =>
      [...byArity.values()].flatMap((overloads) => [...overloads.values()]),
    );
    return [...own, ...(this.base?.all() ?? [])];
  }

  names(): Set<string> {
    return new Set([...this.byName.keys(), ...(this.base?.names() ?? [])]);
  }

  propertyNames(): Set<string> {
    return new Set([...this.getters.keys(), ...(this.base?.propertyNames() ?? [])]);
  }

  getter(self: Value, name: string): Getter | null {
    const byTag = this.getters.get(name);
    return byTag?.get(tagOf(self)) ?? byTag?.get(-1) ?? this.base?.getter(self, name) ?? null;
  }

  setter(self: Value, name: string, value: Value): Setter | null {
    const byTag = this.setters.get(name);
    const found = byTag?.get(tagOf(self)) ?? byTag?.get(-1);
    if (found !== undefined && (found.value < 0 || found.value === tagOf(value))) return found.set;
    return this.base?.setter(self, name, value) ?? null;
  }

  hostIndex(self: HostObject, index: Value): Value {
    const behaviour = this.hostTypes.get(self.tag);
    if (behaviour?.index !== undefined) return behaviour.index(self, index);
    throw indexerUnavailable(`${self.typeName} [${typeNameOf(index)}]`);
  }

  setHostIndex(self: HostObject, index: Value, value: Value): void {
    const behaviour = this.hostTypes.get(self.tag);
    if (behaviour?.setIndex !== undefined) behaviour.setIndex(self, index, value);
    else throw indexerUnavailable(`${self.typeName} [${typeNameOf(index)}] = ${typeNameOf(value)}`);
  }

  iterate(self: HostObject): Iterable<Value> | null {
    return this.hostTypes.get(self.tag)?.iterate?.(self) ?? null;
  }

  display(value: HostObject): string {
    return this.hostTypes.get(value.tag)?.display?.(value) ?? value.typeName;
  }

  debug(value: HostObject): string {
    const type = this.hostTypes.get(value.tag);
    return type?.debug?.(value) ?? type?.display?.(value) ?? value.typeName;
  }

  raw(value: HostObject): string {
    return this.hostTypes.get(value.tag)?.rawName ?? value.typeName;
  }
}
