import type { UnitState } from "../compile/unit.ts";
import type { Scope } from "../engine/scope.ts";
import type { Position, Source } from "../errors/position.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import type { Limits } from "../host/limits.ts";
import type { Natives } from "../host/natives.ts";
import type { ParseOptions } from "../parse/options.ts";
import type { Value } from "../values/value.ts";

/** Where a piece of compiled code is in its source. */
export interface Site {
  readonly source: Source;
  readonly start: number;
  readonly end: number;
}

/** What the code that runs needs from the engine that runs it. */
export interface Run {
  readonly natives: Natives;
  readonly limits: Limits;
  /** State of the main script; its functions are visible from every module. */
  readonly main: UnitState;
  /** Variables of the host. */
  readonly scope: Scope;
  /** What the host makes visible everywhere. */
  readonly globals: ReadonlyMap<string, Value> | undefined;
  /** For those who watch what runs. */
  readonly onStatement: ((source: Source, start: number) => void) | undefined;
  print(text: string): void;
  debug(text: string, source: string, position: Position | null): void;
  /** Seconds. */
  sleep(seconds: number): void;
  /** Nanoseconds, monotonic. */
  now(): bigint;
  importModule(path: string, importer: UnitState): UnitState;
  /** For `eval`. */
  readonly parseOptions: ParseOptions;
  /** Looks at clock, cancel flag and progress hook; throws to end the script. Returns operations until the next look. */
  tick(): number;
}

/**
 * The machine's registers. One script runs at a time; engines save and restore them around every evaluation, so a host
 * function may run another script.
 */
export const vm = {
  depth: 0,
  maxDepth: 64,
  /** Operations left until `tick` is due. */
  fuel: 0,
  /** The value of a `return` or `break` that is on its way. */
  result: undefined as Value,
  /** Receiver of a method that replaces it: the callee leaves the new value here. */
  receiver: undefined as Value,
  /** The native call that runs now. */
  site: null as Site | null,
  stringSize: 0,
  arraySize: 0,
  mapSize: 0,
  run: null as unknown as Run,
};

export type Registers = typeof vm;

export function saveRegisters(): Registers {
  return { ...vm };
}

export function restoreRegisters(saved: Registers): void {
  Object.assign(vm, saved);
}

/** Prepares the registers for an evaluation. */
export function startRun(run: Run): void {
  const { limits } = run;
  vm.depth = 0;
  vm.maxDepth = limits.callLevels > 0 ? limits.callLevels : Number.MAX_SAFE_INTEGER;
  vm.stringSize = limits.stringSize;
  vm.arraySize = limits.arraySize;
  vm.mapSize = limits.mapSize;
  vm.result = undefined;
  vm.receiver = undefined;
  vm.site = null;
  vm.run = run;
  vm.fuel = 0;
  vm.fuel = run.tick();
}

/** The slow side of counting operations: called when the fuel is used up. */
export function refuel(): void {
  vm.fuel = vm.run.tick();
}

/** The slow side of entering a function. */
export function enterSlowly(): void {
  if (vm.depth > vm.maxDepth) throw stackOverflow();
  if (vm.fuel < 0) refuel();
}

export function stackOverflow(): RhaiError {
  return new RhaiError("ErrorStackOverflow", "Stack overflow");
}
