import { vm } from "../run/vm.ts";
import { Float } from "../values/float.ts";
import type { Value } from "../values/value.ts";
import type { Unit } from "./unit.ts";

/** What somebody who called a function that does not exist most likely wanted; null when nothing is close. */
export function hintFor(unit: Unit, name: string, args: readonly Value[]): string | null {
  const sameName = unit.all.filter((fn) => fn.name === name);
  if (sameName.length > 0) {
    const counts = sameName.map((fn) => fn.arity).join(" or ");
    return `'${name}' takes ${counts} argument${counts === "1" ? "" : "s"}, not ${args.length}`;
  }
  const { natives } = vm.run;
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
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    if (candidate === name || Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const distance = editDistance(name, candidate, bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best === null ? null : `did you mean '${best}'?`;
}

/** Insertions, deletions, replacements and swaps of neighbours, counted up to a limit. */
function editDistance(a: string, b: string, limit: number): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let distance = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        distance = Math.min(distance, beforePrevious[j - 2]! + 1);
      }
      row.push(distance);
    }
    if (Math.min(...row) >= limit) return limit;
    beforePrevious = previous;
    previous = row;
  }
  return previous[b.length]!;
}
