/** What the parser enforces besides grammar. 0 means unlimited. */
export interface ParseOptions {
  readonly exprDepth: number;
  readonly functionExprDepth: number;
  readonly functions: number;
  readonly stringSize: number;
  readonly arraySize: number;
  readonly mapSize: number;
  /** Words that scripts may not use; they become reserved. */
  readonly disabledSymbols: ReadonlySet<string> | null;
}

/** The depths of the reference, and no other limit. */
export const DEFAULT_PARSE_OPTIONS: ParseOptions = {
  exprDepth: 64,
  functionExprDepth: 32,
  functions: 0,
  stringSize: 0,
  arraySize: 0,
  mapSize: 0,
  disabledSymbols: null,
};
