import type { Natives } from "../host/natives.ts";
import { nearest } from "../text/nearest.ts";
import { Float } from "../values/float.ts";
import type { Value } from "../values/value.ts";
import type { Unit } from "./unit.ts";

/** What somebody who called a function that does not exist most likely wanted; null when nothing is close. */
export function hintFor(unit: Unit, natives: Natives, name: string, args: readonly Value[]): string | null {
  const sameName = unit.all.filter((fn) => fn.name === name);
  if (sameName.length > 0) {
    const counts = sameName.map((fn) => fn.arity).join(" or ");
    return `'${name}' takes ${counts} argument${counts === "1" ? "" : "s"}, not ${args.length}`;
  }
  const asFloats = args.map((arg) => (typeof arg === "number" ? new Float(arg) : arg));
  if (asFloats.some((arg, i) => arg !== args[i]) && natives.find(name, asFloats) !== null) {
    return `'${name}' wants a FLOAT: use .to_float() or write the number with a decimal point`;
  }
  return didYouMean(name, [
    ...unit.all.map((fn) => fn.name).filter((other) => !other.startsWith("anon$")),
    ...natives.names(),
  ]);
}

/** "did you mean …" for the nearest of some names, or null. */
export function didYouMean(name: string, candidates: Iterable<string>): string | null {
  const best = nearest(name, candidates);
  return best === null ? null : `did you mean '${best}'?`;
}
