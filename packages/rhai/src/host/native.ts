import type { Position } from "../errors/position.ts";
import type { RhaiError } from "../errors/rhai-error.ts";
import type { FnPtr } from "../values/fn-pointer.ts";
import { Tag } from "../values/tag.ts";
import type { Value } from "../values/value.ts";

/** What a parameter of a registered function accepts; `any` accepts everything, but only when nothing exact fits. */
export interface ParamType {
  readonly name: string;
  readonly tag: Tag | -1;
}

/** The parameter types of `Engine.registerFn`. Host types come from `Engine.registerType`. */
export const t = {
  unit: { name: "()", tag: Tag.Unit },
  bool: { name: "bool", tag: Tag.Bool },
  int: { name: "i64", tag: Tag.Int },
  float: { name: "f64", tag: Tag.Float },
  char: { name: "char", tag: Tag.Char },
  string: { name: "string", tag: Tag.String },
  array: { name: "array", tag: Tag.Array },
  map: { name: "map", tag: Tag.Map },
  blob: { name: "blob", tag: Tag.Blob },
  range: { name: "range", tag: Tag.Range },
  rangeInclusive: { name: "range=", tag: Tag.RangeInclusive },
  fn: { name: "Fn", tag: Tag.Fn },
  timestamp: { name: "timestamp", tag: Tag.Timestamp },
  any: { name: "?", tag: -1 },
} as const satisfies Record<string, ParamType>;

/** What a native function is told about its call. */
export interface CallContext {
  /** Name it was called by. */
  readonly name: string;
  /** Where the call is, as far as known. */
  readonly position: Position | null;
  /** Name of the script the call is in; empty when it has none. */
  readonly source: string;
  /** Calls a function pointer; errors inside arrive decorated with the call. */
  callFnPtr(fn: FnPtr, args: readonly Value[]): Value;
  /** Replaces the receiver of a mutating method (for receivers that are not containers). */
  setReceiver(value: Value): void;
  /** An error that a script catches as the given value. */
  error(value: Value): RhaiError;
}

/** A native function. Its arguments are script values; containers it stores or changes must be its own (see `share`). */
// biome-ignore lint/suspicious/noExplicitAny: the parameter list is checked against the overload when it is called
export type NativeFn = (ctx: CallContext, ...args: any[]) => Value;

export interface NativeOptions {
  /** The first parameter is changed in place: refused on constants in method style. Default false. */
  readonly mutates?: boolean;
  /** One line for completion and hover. */
  readonly doc?: string;
}

/** A JavaScript class made visible to scripts. `this` never leaks: handlers get the wrapped object. */
export interface HostType<T extends object> {
  readonly getters?: Readonly<Record<string, (self: T) => Value>>;
  readonly setters?: Readonly<Record<string, (self: T, value: Value) => void>>;
  readonly methods?: Readonly<Record<string, HostMethod<T> | readonly HostMethod<T>[]>>;
  readonly index?: (self: T, index: Value) => Value;
  readonly setIndex?: (self: T, index: Value, value: Value) => void;
  readonly iterate?: (self: T) => Iterable<Value>;
  readonly toString?: (self: T) => string;
  readonly toDebug?: (self: T) => string;
  /** Text of an uncaught `throw` of such a value; the reference prints its own path here. Default: the type name. */
  readonly rawName?: string;
}

export interface HostMethod<T extends object> {
  readonly params: readonly ParamType[];
  // biome-ignore lint/suspicious/noExplicitAny: checked against `params` when it is called
  readonly call: (ctx: CallContext, self: T, ...args: any[]) => Value;
}
