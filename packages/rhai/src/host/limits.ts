/** Limits on what a script may use. 0 means unlimited, as in the reference. Exceeding one is an uncatchable error. */
export interface Limits {
  /** Loop iterations and calls. */
  readonly operations: number;
  /** Nested calls. */
  readonly callLevels: number;
  /** Nesting of expressions at global level, checked by the parser. */
  readonly exprDepth: number;
  /** Nesting of expressions inside functions. */
  readonly functionExprDepth: number;
  /** UTF-8 bytes. */
  readonly stringSize: number;
  /** Elements of arrays and blobs, counted deep. */
  readonly arraySize: number;
  /** Entries of object maps, counted deep. */
  readonly mapSize: number;
  readonly variables: number;
  readonly functions: number;
  readonly modules: number;
  /** Wall-clock milliseconds per evaluation. */
  readonly wallClockMs: number;
  /** Estimated bytes of everything a script builds in one evaluation. */
  readonly memoryBytes: number;
}

/** The defaults of the reference, plus hard ceilings that keep one value from exhausting the process. */
export const DEFAULT_LIMITS: Limits = {
  operations: 0,
  callLevels: 64,
  exprDepth: 64,
  functionExprDepth: 32,
  stringSize: 0,
  arraySize: 0,
  mapSize: 0,
  variables: 0,
  functions: 0,
  modules: 0,
  wallClockMs: 0,
  memoryBytes: 0,
};
