import { Effect, type Native } from "../host/natives.ts";
import { Tag } from "../values/tag.ts";
import { LIBRARY_DOCS } from "./docs.ts";
import { standardLibrary } from "./standard.ts";

/** A function of the standard library as people see it. */
export interface LibraryFunction {
  readonly name: string;
  /** Types of the parameters of each overload: `["array", "INT"]`. The first is the receiver of a method call. */
  readonly overloads: readonly (readonly string[])[];
  /** Changes its first argument in place. */
  readonly changes: boolean;
  readonly doc: string;
}

const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [-1, "any"],
  [Tag.Unit, "()"],
  [Tag.Bool, "bool"],
  [Tag.Int, "INT"],
  [Tag.Float, "FLOAT"],
  [Tag.Char, "char"],
  [Tag.String, "string"],
  [Tag.Array, "array"],
  [Tag.Map, "map"],
  [Tag.Blob, "blob"],
  [Tag.Range, "range"],
  [Tag.RangeInclusive, "range="],
  [Tag.Fn, "Fn"],
  [Tag.Timestamp, "timestamp"],
  [Tag.Iterator, "iterator"],
]);

/** Every function of the standard library that scripts call by name, in order of names. */
export function libraryFunctions(): readonly LibraryFunction[] {
  const byName = new Map<string, Native[]>();
  for (const native of standardLibrary().all()) {
    if (!/^[a-z]\w*$/i.test(native.name)) continue;
    if (!byName.has(native.name)) byName.set(native.name, []);
    byName.get(native.name)!.push(native);
  }
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, overloads]) => describe(name, overloads));
}

function describe(name: string, natives: readonly Native[]): LibraryFunction {
  return {
    name,
    overloads: natives.map(({ params }) => params.map((tag) => TYPE_NAMES.get(tag) ?? "any")),
    changes: natives.some(({ effect }) => effect !== Effect.None) && !LOOKING.has(name),
    doc: LIBRARY_DOCS[name] ?? natives.find(({ doc }) => doc !== "")?.doc ?? "",
  };
}

/** Look at elements in place so that a callback may change them through `this`, but change nothing themselves (spec 15.5). */
export const LOOKING: ReadonlySet<string> = new Set(["some", "all", "find", "find_map", "reduce", "reduce_rev"]);
