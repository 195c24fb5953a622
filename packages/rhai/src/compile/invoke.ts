import { RhaiError } from "../errors/rhai-error.ts";
import { functionNotFound } from "../errors/throwing.ts";
import { isStackExhausted } from "../run/stack.ts";
import { enterSlowly, type Site, stackOverflow, vm } from "../run/vm.ts";
import type { FnPtr } from "../values/fn-pointer.ts";
import type { Value } from "../values/value.ts";
import { callByName } from "./call-by-name.ts";
import { Exit, type Frame, fromHost, Jump, UNBOUND } from "./exec.ts";
import { unshareOwn } from "./own.ts";
import { ScriptFunction, type UnitState } from "./unit.ts";

const U = undefined;

/** Puts an error that leaves a function into its call frame (spec 18.1). Limits pass with the place of the call. */
export function leaveCall(error: unknown, fn: ScriptFunction, site: Site | null): unknown {
  if (error instanceof Jump || error instanceof Exit) return error;
  let inner: RhaiError;
  if (error instanceof RhaiError) inner = error;
  else if (isStackExhausted(error)) inner = stackOverflow();
  else inner = fromHost(error);
  if (inner.uncatchable) return site === null ? inner : inner.leaveCall(fn.name, site.source, site.start, site.end);
  const { name } = fn.unit.state;
  if (name !== "" && inner.inner === null) inner.shownSource = name;
  return inCall(inner, fn.name, name, site);
}

export function inCall(inner: RhaiError, name: string, source: string, site: Site | null): RhaiError {
  const error = new RhaiError("ErrorInFunctionCall", "", { inner, dump: { function: name, source } });
  error.callee = name;
  error.calleeSource = source;
  return site === null ? error : error.at(site.source, site.start, site.end);
}

/** A frame with room for everything, arguments first; the rest is `()`. */
export function makeFrame(fn: ScriptFunction, args: readonly Value[]): Frame {
  const frame: Frame = args.slice();
  for (let i = frame.length; i < fn.size; i++) frame.push(U);
  return frame;
}

/** Calls a script function with captures and arguments in `args`. `this` afterwards is left in `vm.receiver`. */
export function invoke(fn: ScriptFunction, args: readonly Value[], self: Value, site: Site | null): Value {
  const frame = makeFrame(fn, args);
  frame[fn.thisSlot] = self;
  if (++vm.depth > vm.maxDepth || --vm.fuel < 0) enterOrFail(site);
  let result: Value;
  try {
    result = fn.body(frame);
  } catch (error) {
    if (self !== UNBOUND) vm.receiver = frame[fn.thisSlot];
    throw leaveCall(error, fn, site);
  }
  vm.depth--;
  if (self !== UNBOUND) vm.receiver = frame[fn.thisSlot];
  return result;
}

/** Runs a function in a frame that is ready. */
export function run(fn: ScriptFunction, frame: Frame, site: Site | null): Value {
  if (++vm.depth > vm.maxDepth || --vm.fuel < 0) enterOrFail(site);
  let result: Value;
  try {
    result = fn.body(frame);
  } catch (error) {
    throw leaveCall(error, fn, site);
  }
  vm.depth--;
  return result;
}

/** Counts a call that went over a limit; errors are at the call. */
export function enterOrFail(site: Site | null): void {
  try {
    enterSlowly();
  } catch (error) {
    throw error instanceof RhaiError && site !== null ? error.at(site.source, site.start, site.end) : error;
  }
}

/** Runs something with a module's own state in place: functions that outlived their evaluation, or another's. */
export function withState<T>(state: UnitState, run: () => T): T {
  const { unit } = state;
  const before = unit.state;
  if (before === state) return run();
  unit.state = state;
  try {
    return run();
  } finally {
    unit.state = before;
  }
}

/** Calls a function pointer. `self` is bound to `this`; what it is afterwards is left in `vm.receiver`. */
export function callPointer(ptr: FnPtr, args: readonly Value[], self: Value, site: Site | null): Value {
  const all = ptr.curried.length === 0 ? args : ([...ptr.curried, ...args] as Value[]);
  const { link } = ptr;
  if (link instanceof ScriptFunction) {
    if (link.captures + link.arity !== all.length) throw place(functionNotFound(ptr.name, plain(all)), site);
    const home = ptr.home as UnitState;
    if (home.unit.state === home) return invoke(link, all, self, site);
    return withState(home, () => invoke(link, all, self, site));
  }
  const home = ptr.home as UnitState | null;
  const { unit } = home ?? vm.run.main;
  const own = unit.find(ptr.name, all.length) ?? vm.run.main.unit.find(ptr.name, all.length);
  if (own !== undefined) return invoke(own, all, self, site);
  if (self === UNBOUND) return callByName(unit, ptr.name, all, site ?? noSite(), true);
  const receiver = unshareOwn(self);
  vm.receiver = receiver;
  return callByName(unit, ptr.name, [receiver, ...all], site ?? noSite(), true);
}

function noSite(): Site {
  return { source: vm.run.main.unit.source, start: 0, end: 0 };
}

/** Arguments as error texts list them: captured variables by their value. */
export function plain(values: readonly Value[]): Value[] {
  return values.map((value) => (isCell(value) ? value.value : value));
}

function isCell(value: unknown): value is { readonly value: Value } {
  return typeof value === "object" && value !== null && "locked" in value;
}

function place(error: RhaiError, site: Site | null): RhaiError {
  return site === null ? error : error.at(site.source, site.start, site.end);
}
