import { type Frame, UNBOUND } from "../compile/exec.ts";
import { callPointer, inCall, makeFrame, plain, run } from "../compile/invoke.ts";
import { ScriptFunction, type UnitState } from "../compile/unit.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { functionNotFound } from "../errors/throwing.ts";
import { invalidFunctionName } from "../lex/function-name.ts";
import { type Site, vm } from "../run/vm.ts";
import { share } from "../values/copy.ts";
import { FnPtr } from "../values/fn-pointer.ts";
import type { Value } from "../values/value.ts";

/** How a native function offers its values to a callback (spec 15.7). */
export interface CallbackShape {
  /** Arguments that are always passed. */
  readonly fixed: number;
  /** The element can be bound to `this`. */
  readonly hasThis: boolean;
  /** Where the element goes when it is passed as an argument; -1 for never. */
  readonly at: number;
  /** Arguments that are passed when asked for (the index). */
  readonly extras: number;
}

export const perElement: CallbackShape = { fixed: 0, hasThis: true, at: 0, extras: 1 };
export const inPlace: CallbackShape = { fixed: 0, hasThis: true, at: -1, extras: 1 };
export const reducing: CallbackShape = { fixed: 1, hasThis: true, at: 1, extras: 1 };
export const pairing: CallbackShape = { fixed: 2, hasThis: false, at: -1, extras: 1 };
export const perEntry: CallbackShape = { fixed: 1, hasThis: true, at: 1, extras: 0 };
export const comparing: CallbackShape = { fixed: 2, hasThis: false, at: -1, extras: 0 };

type Mode = "this" | "element" | "all" | "extras" | "search";

/** A function pointer prepared for being called once per element. */
export class Callback {
  /** What `this` (the element) is after the last call. */
  element: Value = undefined;
  private readonly ptr: FnPtr;
  private readonly caller: string;
  private readonly shape: CallbackShape;
  private readonly mode: Mode;
  private readonly site: Site | null;
  private readonly fn: ScriptFunction | null;
  private frame: Frame | null = null;
  /** Slot of the element in `frame`. */
  private readonly at: number;

  constructor(pointer: FnPtr | string, caller: string, shape: CallbackShape) {
    if (typeof pointer === "string") {
      const invalid = invalidFunctionName(pointer);
      if (invalid !== null) throw invalid;
    }
    this.ptr = typeof pointer === "string" ? new FnPtr(pointer, [], null, vm.run.main) : pointer;
    this.caller = caller;
    this.shape = shape;
    this.site = vm.site;
    const { link } = this.ptr;
    this.fn = link instanceof ScriptFunction ? link : null;
    this.at = this.ptr.curried.length + shape.fixed;
    this.mode = this.fn === null ? "search" : this.modeFor(this.fn);
  }

  private modeFor(fn: ScriptFunction): Mode {
    const { fixed, at, extras } = this.shape;
    const wanted = fn.captures + fn.arity - this.ptr.curried.length;
    if (wanted === fixed) return "this";
    if (at >= 0 && wanted === fixed + 1) return "element";
    if (at >= 0 && wanted === fixed + extras + 1) return "all";
    return wanted === fixed + extras ? "extras" : "search";
  }

  /** The element may be bound to `this`, so that a call can change it. */
  get bindsElement(): boolean {
    return this.mode !== "element" && this.mode !== "all";
  }

  /** Calls with one element, no fixed arguments. */
  each(item: Value, index: number): Value {
    const { frame } = this;
    if (frame === null) {
      const result = this.call([], item, index);
      this.frame = this.frameToReuse();
      return result;
    }
    this.element = item;
    frame[this.at] = typeof item === "object" ? share(item) : item;
    return run(this.fn!, frame, this.site);
  }

  /** Calls with an accumulator and one element. */
  reduce(accumulator: Value, item: Value, index: number): Value {
    const { frame, at } = this;
    if (frame === null) {
      const result = this.call([accumulator], item, index);
      this.frame = this.frameToReuse();
      return result;
    }
    this.element = item;
    frame[at - 1] = accumulator;
    frame[at] = typeof item === "object" ? share(item) : item;
    return run(this.fn!, frame, this.site);
  }

  /**
   * One frame for all elements, when nothing of a call can be left in it: the arguments are set anew, captured
   * variables stay, and the rest belongs to declarations that run again. Known after the first call has compiled it.
   */
  private frameToReuse(): Frame | null {
    const { fn, ptr } = this;
    if (this.mode !== "element" || fn === null || !fn.forgetsFrames || ptr.curried.length !== fn.captures) return null;
    const home = ptr.home as UnitState;
    if (home.unit.state !== home) return null;
    const frame = makeFrame(fn, ptr.curried as Value[]);
    frame[fn.thisSlot] = UNBOUND;
    return frame;
  }

  /** Calls with fixed arguments, an element and its index. */
  call(fixed: readonly Value[], item: Value, extra: Value): Value {
    this.element = item;
    const { hasThis, at, extras } = this.shape;
    const self = hasThis ? item : UNBOUND;
    const withElement = () => [...fixed.slice(0, at), share(item), ...fixed.slice(at)];
    const withExtra = (args: readonly Value[]) => (extras > 0 ? [...args, extra] : args);
    switch (this.mode) {
      case "this":
        return this.bound(fixed, self);
      case "element":
        return this.invoke(withElement(), UNBOUND);
      case "all":
        return this.invoke(withExtra(withElement()), UNBOUND);
      case "extras":
        return this.bound(withExtra(fixed), self);
      default: {
        const tuples: [readonly Value[], Value][] = [[fixed, self]];
        if (at >= 0) {
          tuples.push([withElement(), UNBOUND]);
          if (extras > 0) tuples.push([withExtra(withElement()), UNBOUND]);
        } else if (extras > 0) tuples.push([withExtra(fixed), self]);
        return this.search(tuples);
      }
    }
  }

  private invoke(args: readonly Value[], self: Value): Value {
    return callPointer(this.ptr, args, self, this.site);
  }

  /** With the element as `this`: what becomes of it is kept. */
  private bound(args: readonly Value[], self: Value): Value {
    if (self === UNBOUND) return this.invoke(args, self);
    const { receiver } = vm;
    vm.receiver = self;
    try {
      return this.invoke(args, self);
    } finally {
      this.element = vm.receiver;
      vm.receiver = receiver;
    }
  }

  /** Pointers by name: the first tuple that some function takes. Errors show the caller as well. */
  private search(tuples: readonly (readonly [readonly Value[], Value])[]): Value {
    try {
      for (const [args, self] of tuples) if (this.exists(args, self)) return this.bound(args, self);
      const [args, self] = tuples[tuples.length - 1]!;
      const shown = plain([...this.ptr.curried, ...(self === UNBOUND ? args : [self, ...args])] as Value[]);
      const error = functionNotFound(this.ptr.name, shown);
      throw this.site === null ? error : error.at(this.site.source, this.site.start, this.site.end);
    } catch (error) {
      if (!(error instanceof RhaiError) || error.uncatchable) throw error;
      throw inCall(error, this.caller, "", this.site);
    }
  }

  private exists(args: readonly Value[], self: Value): boolean {
    if (this.fn !== null) return false;
    const { name, curried, home } = this.ptr;
    const all = [...curried, ...args] as Value[];
    const { unit } = (home as UnitState | null) ?? vm.run.main;
    if (unit.find(name, all.length) !== undefined || vm.run.main.unit.find(name, all.length) !== undefined) return true;
    return vm.run.natives.find(name, self === UNBOUND ? all : [self, ...all]) !== null;
  }
}
