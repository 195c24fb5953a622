import type { Position, Source } from "../errors/position.ts";
import type { Limits } from "../host/limits.ts";
import type { ModuleResolver } from "../modules/resolver.ts";
import type { Value } from "../values/value.ts";

export interface EngineOptions {
  readonly limits?: Partial<Limits>;
  /** Where `import` finds modules. Default: nowhere (every import fails). */
  readonly resolver?: ModuleResolver;
  /** `print`. Default: a line on the console. */
  readonly onPrint?: (text: string) => void;
  /** `debug`. Default: a line on the console. */
  readonly onDebug?: (text: string, source: string, position: Position | null) => void;
  /** Called now and then with the operations counted so far; returning false ends the script (uncatchable). */
  readonly onProgress?: (operations: number) => boolean | undefined;
  /** Called before each statement of a script, of its functions and blocks, with where it starts (UTF-16 offset). Makes scripts slower. */
  readonly onStatement?: (source: Source, start: number) => void;
  /** Operations between two looks at clock, flag and `onProgress`. Default 4096. */
  readonly progressInterval?: number;
  /** Values that are visible everywhere by name, in functions too, unless the script declares one of that name. Read while it runs. */
  readonly globals?: ReadonlyMap<string, Value>;
  /** Functions and keywords that scripts may not use, such as `eval`. */
  readonly disabledSymbols?: Iterable<string>;
  /** Reads time; `timestamp()` and deadlines use it. Milliseconds, monotonic. */
  readonly clock?: () => number;
  /** Bytes of memory in use; the limit of memory uses it. Default: the JavaScript heap, where the platform tells. */
  readonly memoryUsed?: () => number;
  /** `sleep(seconds)`. Default: blocks the thread. */
  readonly onSleep?: (seconds: number) => void;
}

export interface RunOptions {
  /** A flag in shared memory: the script ends (uncatchable) when element 0 becomes non-zero. */
  readonly cancel?: Int32Array;
  /** Wall-clock deadline of this run, as a reading of `EngineOptions.clock`. */
  readonly deadline?: number;
}

export interface CompileOptions {
  /** Name of the script in errors (a path or a title). */
  readonly source?: string;
}

export interface CallOptions extends RunOptions {
  /** Run the top-level statements first, as the reference does on every call. Default true. */
  readonly evalTopLevel?: boolean;
}
