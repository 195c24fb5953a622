import type { UnitState } from "../compile/unit.ts";
import type { Position } from "../errors/position.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import type { Limits } from "../host/limits.ts";
import type { Natives } from "../host/natives.ts";
import type { ParseOptions } from "../parse/options.ts";
import { type Run, vm } from "../run/vm.ts";
import type { Value } from "../values/value.ts";
import type { EngineOptions, RunOptions } from "./options.ts";
import type { Scope } from "./scope.ts";

export interface RunParts {
  readonly natives: Natives;
  readonly limits: Limits;
  readonly main: UnitState;
  readonly scope: Scope;
  readonly parseOptions: ParseOptions;
  readonly engine: EngineOptions;
  readonly options: RunOptions;
  importModule(path: string, importer: UnitState): UnitState;
}

/** One evaluation: its hooks, and the watch over operations, clock, memory and cancellation. */
export class Evaluation implements Run {
  readonly natives: Natives;
  readonly limits: Limits;
  readonly main: UnitState;
  readonly scope: Scope;
  readonly parseOptions: ParseOptions;
  readonly globals: ReadonlyMap<string, Value> | undefined;
  readonly onStatement: EngineOptions["onStatement"];
  private readonly engine: EngineOptions;
  private readonly cancel: Int32Array | null;
  private readonly deadline: number;
  private readonly load: RunParts["importModule"];
  private readonly memoryCeiling: number;
  private operations = 0;
  private granted = 0;
  private ticks = 0;

  constructor(parts: RunParts) {
    this.natives = parts.natives;
    this.limits = parts.limits;
    this.main = parts.main;
    this.scope = parts.scope;
    this.parseOptions = parts.parseOptions;
    this.globals = parts.engine.globals;
    this.onStatement = parts.engine.onStatement;
    this.engine = parts.engine;
    this.load = parts.importModule;
    this.cancel = parts.options.cancel ?? null;
    const { wallClockMs, memoryBytes } = parts.limits;
    const byLimit = wallClockMs > 0 ? this.milliseconds() + wallClockMs : Number.POSITIVE_INFINITY;
    this.deadline = Math.min(parts.options.deadline ?? Number.POSITIVE_INFINITY, byLimit);
    this.memoryCeiling = memoryBytes > 0 ? this.memoryUsed() + memoryBytes : Number.POSITIVE_INFINITY;
  }

  print(text: string): void {
    if (this.engine.onPrint !== undefined) this.engine.onPrint(text);
    else console.log(text);
  }

  debug(text: string, source: string, position: Position | null): void {
    if (this.engine.onDebug !== undefined) this.engine.onDebug(text, source, position);
    else {
      const place = position === null ? "" : `${position.line}:${position.column} | `;
      console.log(`${source === "" ? "" : `${source} @ `}${place}${text}`);
    }
  }

  sleep(seconds: number): void {
    if (this.engine.onSleep !== undefined) this.engine.onSleep(seconds);
    else this.sleepInSlices(seconds);
  }

  /** Blocks the thread, but looks at clock and cancellation on the way. */
  private sleepInSlices(seconds: number): void {
    const until = this.milliseconds() + seconds * 1000;
    const flag = new Int32Array(new SharedArrayBuffer(4));
    for (let left = until - this.milliseconds(); left > 0; left = until - this.milliseconds()) {
      Atomics.wait(flag, 0, 0, Math.min(left, 50));
      this.watch();
    }
  }

  private milliseconds(): number {
    return this.engine.clock === undefined ? performance.now() : this.engine.clock();
  }

  now(): bigint {
    return BigInt(Math.round(this.milliseconds() * 1e6));
  }

  importModule(path: string, importer: UnitState): UnitState {
    return this.load(path, importer);
  }

  tick(): number {
    this.operations += this.granted - vm.fuel;
    const limit = this.limits.operations;
    if (limit > 0 && this.operations > limit) throw new RhaiError("ErrorTooManyOperations", "Too many operations");
    this.watch();
    if (this.engine.onProgress?.(this.operations) === false) throw terminated();
    const interval = this.engine.progressInterval ?? 4096;
    this.granted = limit > 0 ? Math.min(interval, limit - this.operations) : interval;
    return this.granted;
  }

  private watch(): void {
    if (this.cancel !== null && Atomics.load(this.cancel, 0) !== 0) throw terminated("the host cancelled it");
    if (this.milliseconds() > this.deadline) throw terminated("it ran out of time");
    if (
      this.memoryCeiling !== Number.POSITIVE_INFINITY &&
      this.ticks++ % 8 === 0 &&
      this.memoryUsed() > this.memoryCeiling
    ) {
      throw new RhaiError("ErrorDataTooLarge", "Memory used by script too large");
    }
  }

  private memoryUsed(): number {
    return this.engine.memoryUsed === undefined ? heapUsed() : this.engine.memoryUsed();
  }
}

function terminated(why?: string): RhaiError {
  return new RhaiError("ErrorTerminated", "Script terminated", why === undefined ? {} : { hint: why });
}

/** Bytes on the JavaScript heap, where the platform tells; 0 elsewhere. */
function heapUsed(): number {
  const host = globalThis as { process?: { memoryUsage?: () => { heapUsed: number; arrayBuffers: number } } };
  const usage = host.process?.memoryUsage?.();
  return usage === undefined ? 0 : usage.heapUsed + usage.arrayBuffers;
}
