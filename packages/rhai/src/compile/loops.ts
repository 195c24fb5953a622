import type { DoStatement, ForStatement, LoopStatement, WhileStatement } from "../ast/node.ts";
import { startOffset, unparen } from "../ast/positions.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { arithmetic } from "../errors/throwing.ts";
import type { Site } from "../run/vm.ts";
import { vm } from "../run/vm.ts";
import { RhaiArray } from "../values/array.ts";
import { Blob } from "../values/blob.ts";
import { Cell } from "../values/cell.ts";
import { charOf } from "../values/char.ts";
import { share } from "../values/copy.ts";
import { HostObject } from "../values/host-object.ts";
import { INT_MAX, MAX_SAFE, narrow } from "../values/int.ts";
import { SequenceValue } from "../values/iterator.ts";
import { Range } from "../values/range.ts";
import { untag } from "../values/tagged.ts";
import type { Value } from "../values/value.ts";
import { slowBinary } from "./binary-operators.ts";
import { BREAK, CONTINUE, cellAt, type Exec, type Frame, failAt, Jump, RETURN, refuelAt } from "./exec.ts";
import { compileCondition, compileExpr } from "./expressions.ts";
import { type FunctionScope, Leaves } from "./function-scope.ts";
import { compileLoopBlock, compileStatement } from "./statements.ts";

const LOOP = Leaves.Break | Leaves.Continue;

interface Body {
  readonly exec: Exec;
  /** The body can end in a signal. */
  readonly leaves: boolean;
}

/** Compiles the body of a loop; `break` and `continue` in it go no further. */
function compileLoopBody(s: FunctionScope, compile: () => Exec): Body {
  const { thrownLoopJump } = s;
  s.thrownLoopJump = false;
  const { result, leaves } = s.watchLeaves(compile);
  const catches = s.thrownLoopJump;
  s.thrownLoopJump = thrownLoopJump;
  s.leaves &= ~LOOP;
  // What the code around this loop had seen before counts again.
  if (!catches) return { exec: result, leaves: leaves !== 0 };
  const exec: Exec = (f) => {
    const { depth } = vm;
    try {
      return result(f);
    } catch (error) {
      if (!(error instanceof Jump) || error.signal === RETURN) throw error;
      vm.depth = depth;
      return error.signal;
    }
  };
  return { exec, leaves: true };
}

/** Keeps the outer loop's own jumps apart from those of a loop inside it. */
function inLoop(s: FunctionScope, compile: () => Exec): Exec {
  const { leaves } = s;
  const exec = compile();
  s.leaves |= leaves;
  return exec;
}

export function compileWhile(s: FunctionScope, node: WhileStatement): Exec {
  const loop = s.site(node.start, node.start + "while".length);
  const condition = compileCondition(s, node.condition);
  return inLoop(s, () => {
    const body = compileLoopBody(s, () => compileLoopBlock(s, node.body));
    const { exec } = body;
    if (!body.leaves) {
      return (f) => {
        while (condition(f) === true) {
          if (--vm.fuel < 0) refuelAt(loop);
          exec(f);
        }
        return undefined;
      };
    }
    return (f) => {
      while (condition(f) === true) {
        if (--vm.fuel < 0) refuelAt(loop);
        const value = exec(f);
        if (value === BREAK) return vm.result;
        if (value === RETURN) return value;
      }
      return undefined;
    };
  });
}

export function compileLoop(s: FunctionScope, node: LoopStatement): Exec {
  const loop = s.site(node.start, node.start + "loop".length);
  return inLoop(s, () => {
    const { exec } = compileLoopBody(s, () => compileLoopBlock(s, node.body));
    return (f) => {
      for (;;) {
        if (--vm.fuel < 0) refuelAt(loop);
        const value = exec(f);
        if (value === BREAK) return vm.result;
        if (value === RETURN) return value;
      }
    };
  });
}

/** `continue` starts the next round without looking at the condition. */
export function compileDo(s: FunctionScope, node: DoStatement): Exec {
  const loop = s.site(node.start, node.start + "do".length);
  return inLoop(s, () => {
    const { exec } = compileLoopBody(s, () => compileStatement(s, node.body));
    const condition = compileCondition(s, node.condition);
    const again = !node.until;
    return (f) => {
      for (;;) {
        if (--vm.fuel < 0) refuelAt(loop);
        const value = exec(f);
        if (value === BREAK) return vm.result;
        if (value === RETURN) return value;
        if (value === CONTINUE) continue;
        if (condition(f) !== again) return undefined;
      }
    };
  });
}

/** One slot for all rounds, so that closures created in the body share the variable. */
export function compileFor(s: FunctionScope, node: ForStatement): Exec {
  const loop = s.site(node.start, node.start + "for".length);
  const iterable = unparen(node.iterable);
  const range = iterable.kind === "Binary" && (iterable.op === ".." || iterable.op === "..=") ? iterable : null;
  const from = range === null ? null : compileExpr(s, range.left);
  const to = range === null ? null : compileExpr(s, range.right);
  const whole = compileExpr(s, node.iterable);
  const site = s.site(startOffset(node.iterable), node.iterable.end);
  return inLoop(s, () =>
    s.scoped(() => {
      const counter = node.counter === null ? null : s.declare(node.counter.name, false, s.captured.has(node.counter));
      const variable = s.declare(node.variable.name, false, s.captured.has(node.variable));
      const body = compileLoopBody(s, () => compileLoopBlock(s, node.body));
      const { exec } = body;
      const { slot } = variable;
      const walk = compileWalk(variable, counter, body, { loop, iterable: site });
      if (from === null || to === null || variable.isCell || counter !== null) return (f) => walk(f, whole(f));
      const op = range!.op as ".." | "..=";
      const last = op === "..=" ? 1 : 0;
      const opSite = s.site(range!.pos, range!.opEnd);
      return (f) => {
        const first = from(f);
        const end = to(f);
        if (typeof first !== "number" || typeof end !== "number") return walk(f, slowBinary(op, first, end, opSite));
        const stop = end + last;
        if (!body.leaves) {
          for (let i = first; i < stop; i++) {
            f[slot] = i;
            if (--vm.fuel < 0) refuelAt(loop);
            exec(f);
          }
          return undefined;
        }
        for (let i = first; i < stop; i++) {
          f[slot] = i;
          if (--vm.fuel < 0) refuelAt(loop);
          const value = exec(f);
          if (value === BREAK) return vm.result;
          if (value === RETURN) return value;
        }
        return undefined;
      };
    }),
  );
}

interface Slot {
  readonly slot: number;
  readonly isCell: boolean;
}

function compileWalk(
  variable: Slot,
  counter: Slot | null,
  body: Body,
  { loop, iterable: site }: { readonly loop: Site; readonly iterable: Site },
): (f: Frame, iterable: Value) => Value {
  const { exec, leaves } = body;
  const { slot, isCell } = variable;
  const round = (f: Frame, item: Value, i: number): Value => {
    if (isCell) cellAt(f, slot).value = item;
    else f[slot] = item;
    if (counter !== null) {
      if (counter.isCell) cellAt(f, counter.slot).value = i;
      else f[counter.slot] = i;
    }
    if (--vm.fuel < 0) refuelAt(loop);
    return exec(f);
  };
  const isSimple = !isCell && counter === null;
  return (f, outer) => {
    const value = untag(outer);
    if (isCell) f[slot] = new Cell(undefined) as never;
    if (counter?.isCell === true) f[counter.slot] = new Cell(undefined) as never;
    if (value instanceof RhaiArray) {
      const { items } = value;
      value.shared = true;
      if (isSimple) {
        for (let i = 0; i < items.length; i++) {
          const item = items[i];
          f[slot] = typeof item === "object" ? share(item) : item;
          if (--vm.fuel < 0) refuelAt(loop);
          const signal = exec(f);
          if (signal === BREAK) return vm.result;
          if (signal === RETURN) return signal;
        }
        return undefined;
      }
      for (let i = 0; i < items.length; i++) {
        const item = items[i];
        const signal = round(f, typeof item === "object" ? share(item) : item, i);
        if (signal === BREAK) return vm.result;
        if (signal === RETURN) return signal;
      }
      return undefined;
    }
    const steps = value instanceof SequenceValue ? value.steps : null;
    if (steps !== null && isSimple) {
      const { from, to, by } = steps;
      if (by > 0 && !leaves) {
        for (let i = from; i < to; i += by) {
          f[slot] = i;
          if (--vm.fuel < 0) refuelAt(loop);
          exec(f);
        }
        return undefined;
      }
      for (let i = from; by > 0 ? i < to : i > to; i += by) {
        f[slot] = i;
        if (--vm.fuel < 0) refuelAt(loop);
        const signal = exec(f);
        if (signal === BREAK) return vm.result;
        if (signal === RETURN) return signal;
      }
      return undefined;
    }
    let i = 0;
    for (const item of iterate(value, site)) {
      const signal = round(f, item, i++);
      if (signal === BREAK) return vm.result;
      if (signal === RETURN) return signal;
    }
    return undefined;
  };
}

/** Everything `for` can walk. */
function iterate(value: Value, site: Site): Iterable<Value> {
  if (typeof value === "string") return characters(value);
  if (value instanceof Range) return rangeValues(value);
  if (value instanceof SequenceValue) return { [Symbol.iterator]: value.start };
  if (value instanceof Blob) return value.bytes.slice();
  if (value instanceof RhaiArray) return value.items;
  if (value instanceof HostObject) {
    const items = vm.run.natives.iterate(value);
    if (items !== null) return items;
  }
  throw failAt(new RhaiError("ErrorFor", "For loop expects iterable type"), site);
}

function* characters(text: string): Generator<Value> {
  for (const c of text) yield charOf(c);
}

function* rangeValues(range: Range): Generator<Value> {
  const { from, to, inclusive } = range;
  if (typeof from === "number") {
    const end = typeof to === "number" ? to : to > 0n ? MAX_SAFE : -MAX_SAFE;
    for (let i = from; inclusive ? i <= end : i < end; i++) yield i;
    if (typeof to === "number" || to < 0n) return;
  }
  const last = inclusive ? BigInt(to) : BigInt(to) - 1n;
  for (let i = typeof from === "bigint" ? from : BigInt(MAX_SAFE); i <= last; i++) {
    yield narrow(i);
    if (i === INT_MAX) throw arithmetic("Addition overflow in for loop");
  }
}
