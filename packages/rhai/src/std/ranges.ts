import { inCall } from "../compile/invoke.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { vm } from "../run/vm.ts";
import { Float } from "../values/float.ts";
import { add, type Int } from "../values/int.ts";
import { SequenceValue } from "../values/iterator.ts";
import { Range } from "../values/range.ts";
import type { Value } from "../values/value.ts";
import type { Library } from "./library.ts";

/** Ranges and stepped ranges (spec 15.9). */
export function addRanges(library: Library): void {
  library
    .fn("range", "ii", (from: Int, to: Int) => new Range(from, to, false))
    .fn("range", "iii", (from: Int, to: Int, by: Int) => steps(from, to, by))
    .fn("range", "fff", (from: Float, to: Float, by: Float) => floatSteps(from.n, to.n, by.n))
    .fn("range", "ri", (range: Range, by: Int) => steps(range.from, range.to, by))
    .property("start", "rR", (range: Range) => range.from)
    .property("end", "rR", (range: Range) => range.to)
    .property("is_inclusive", "rR", (range: Range) => range.inclusive)
    .property("is_exclusive", "rR", (range: Range) => !range.inclusive)
    .property("is_empty", "rR", (range: Range) => (range.inclusive ? range.from > range.to : range.from >= range.to))
    .fn(
      "contains",
      "ri Ri",
      (range: Range, i: Int) => i >= range.from && (range.inclusive ? i <= range.to : i < range.to),
    );
}

function zeroStep(): RhaiError {
  const inner = new RhaiError("ErrorArithmetic", "step value cannot be zero").withoutPlace();
  return inCall(inner, "range", "", vm.site);
}

function steps(from: Int, to: Int, by: Int): SequenceValue {
  if (by === 0) throw zeroStep();
  const areSafe = typeof from === "number" && typeof to === "number" && typeof by === "number";
  const next = function* (): Generator<Value> {
    for (let i: Int | null = from; i !== null && (by > 0 ? i < to : i > to); i = add(i, by)) yield i;
  };
  return new SequenceValue("rhai::packages::iter_basic::StepRange<i64>", next, areSafe ? { from, to, by } : null);
}

function floatSteps(from: number, to: number, by: number): SequenceValue {
  // Steps that are lost in the size of the number would never end.
  if (from + by === from) throw zeroStep();
  return new SequenceValue("rhai::packages::iter_basic::StepRange<f64>", function* () {
    for (let x = from; by > 0 ? x < to : x > to; x += by) yield new Float(x);
  });
}
