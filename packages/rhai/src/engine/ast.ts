import type { FunctionDefinition, Program } from "../ast/node.ts";
import type { Position, Source } from "../errors/position.ts";

/** A function of a script as hosts see it. */
export interface FunctionInfo {
  readonly name: string;
  readonly params: readonly string[];
  readonly isPrivate: boolean;
  /** Receiver type of `fn Type.name(…)`. */
  readonly thisType: string | null;
  readonly docComments: readonly string[];
  readonly start: Position;
  readonly end: Position;
  readonly node: FunctionDefinition;
}

/** A compiled script: parse once, run as often as you like, with any scope. */
export interface Ast {
  readonly source: Source;
  readonly program: Program;
  /** Named functions in source order; closures are not listed. */
  readonly functions: readonly FunctionInfo[];
}
