import { RhaiError } from "../errors/rhai-error.ts";
import { thrown } from "../errors/throwing.ts";
import { isStackExhausted } from "../run/stack.ts";
import { refuel, type Site, stackOverflow } from "../run/vm.ts";
import type { Cell } from "../values/cell.ts";
import { HeapValue, Tag } from "../values/tag.ts";
import type { Value } from "../values/value.ts";

/** The variables of one call. Captured variables hold a `Cell` in their slot. */
export type Frame = Value[];

/** A compiled piece of script: a closure over its operands that runs in a frame. */
export type Exec = (f: Frame) => Value;

/** A frame of a size. Built up like all frames, so that they are alike to the machine. */
export function newFrame(size: number, content: Value): Frame {
  const frame: Frame = [UNBOUND, undefined];
  frame.length = 0;
  for (let i = 0; i < size; i++) frame.push(content);
  return frame;
}

export const cellAt = (f: Frame, slot: number): Cell => f[slot] as unknown as Cell;

class Signal extends HeapValue {
  readonly tag = Tag.Unit;
}

/** What a statement gives when control leaves it other than at its end; the value is in `vm.result`. */
export const RETURN = new Signal() as unknown as Value;
export const BREAK = new Signal() as unknown as Value;
export const CONTINUE = new Signal() as unknown as Value;

/** Content of a `this` slot when the function was not called as a method. */
export const UNBOUND = new Signal() as unknown as Value;

/** A jump out of the middle of an expression, where statements cannot pass a signal on. */
export class Jump {
  readonly signal: Value;
  constructor(signal: Value) {
    this.signal = signal;
  }
}

const jumps = { return: new Jump(RETURN), break: new Jump(BREAK), continue: new Jump(CONTINUE) };

/** Turns a signal into an exception that the enclosing loop or function catches. */
export function jump(signal: Value): never {
  throw signal === RETURN ? jumps.return : signal === BREAK ? jumps.break : jumps.continue;
}

/** `exit(value)`: unwinds everything; the value is in `vm.result`. */
export class Exit {
  readonly value: Value;
  constructor(value: Value) {
    this.value = value;
  }
}

/** Whatever was thrown, as the script's own kind of error with a place; control flow passes through. */
export function located(error: unknown, site: Site): unknown {
  if (error instanceof RhaiError) return error.at(site.source, site.start, site.end);
  if (error instanceof Jump || error instanceof Exit) return error;
  if (isStackExhausted(error)) {
    return stackOverflow().at(site.source, site.start, site.end);
  }
  return fromHost(error).at(site.source, site.start, site.end);
}

/** An error of the host: scripts catch its message as a string. */
export function fromHost(error: unknown): RhaiError {
  const message = error instanceof Error ? error.message : String(error);
  const converted = new RhaiError("ErrorRuntime", thrown(message).text, { value: message, cause: error });
  return converted;
}

export function failAt(error: RhaiError, site: Site): RhaiError {
  return error.at(site.source, site.start, site.end);
}

/** The slow side of counting a loop's rounds: what ends the script then ends it at the loop. */
export function refuelAt(loop: Site): void {
  try {
    refuel();
  } catch (error) {
    throw located(error, loop);
  }
}
