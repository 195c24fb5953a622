import type { Identifier } from "../ast/node.ts";
import type { Source } from "../errors/position.ts";
import type { Site } from "../run/vm.ts";
import type { Value } from "../values/value.ts";
import type { TopVariable, Unit } from "./unit.ts";

/** A variable while its scope is compiled. */
export interface Variable {
  readonly name: string;
  readonly slot: number;
  readonly isConstant: boolean;
  /** The slot holds a `Cell`: some closure captures the variable. */
  readonly isCell: boolean;
  /** Value of a constant known when compiling; such variables need no slot to be read. */
  readonly literal: { readonly value: Value } | null;
}

/** Bits of the ways control can leave a statement before its end. */
export const Leaves = { Return: 1, Break: 2, Continue: 4 } as const;

/** Names and slots of one function, closure or top level while its code is compiled. */
export class FunctionScope {
  readonly unit: Unit;
  readonly source: Source;
  readonly captured: ReadonlySet<Identifier>;
  readonly thisSlot: number;
  readonly isTopLevel: boolean;
  /** Code in this function can create or see variables by name: it holds `eval` or `f!(…)`. */
  isDynamic = false;
  /** The text of an `eval`: what it declares outside of blocks stays, by name. */
  isEval = false;
  /** Most variables a scope may hold; 0 for any number. */
  variableLimit = 0;
  variables: Variable[] = [];
  /** Highest number of slots in use so far. */
  size: number;
  private next: number;
  /** Ways in which the statements compiled so far can leave early (signals). */
  leaves = 0;
  /** Set when an expression jumps out by exception; the enclosing loop or function then catches it. */
  thrownReturn = false;
  thrownLoopJump = false;
  blockDepth = 0;
  /** Top-level declarations in order. */
  readonly declared: TopVariable[] = [];
  constructor(
    unit: Unit,
    source: Source,
    captured: ReadonlySet<Identifier>,
    firstSlot: number,
    thisSlot: number,
    isTopLevel: boolean,
  ) {
    this.unit = unit;
    this.source = source;
    this.captured = captured;
    this.next = firstSlot;
    this.size = firstSlot;
    this.thisSlot = thisSlot;
    this.isTopLevel = isTopLevel;
  }

  get nextSlot(): number {
    return this.next;
  }

  reserve(): number {
    const slot = this.next++;
    if (this.next > this.size) this.size = this.next;
    return slot;
  }

  declare(
    name: string,
    isConstant: boolean,
    isCell: boolean,
    literal: { readonly value: Value } | null = null,
    slot = this.reserve(),
  ): Variable {
    const variable = { name, slot, isConstant, isCell, literal };
    this.variables.push(variable);
    return variable;
  }

  find(name: string): Variable | null {
    for (let i = this.variables.length - 1; i >= 0; i--)
      if (this.variables[i]!.name === name) return this.variables[i]!;
    return null;
  }

  /** Compiles something in a block of its own. Slots are reused afterwards unless a later `eval` could still see them. */
  scoped<T>(compile: () => T): T {
    const count = this.variables.length;
    const { next } = this;
    this.blockDepth++;
    const result = compile();
    this.blockDepth--;
    this.variables.length = count;
    // Top-level slots are not reused: their content tells which declarations have run.
    if (!this.isTopLevel) this.next = next;
    return result;
  }

  site(start: number, end: number): Site {
    return { source: this.source, start, end };
  }

  /** Runs `compile` and tells how the compiled code can leave early. */
  watchLeaves<T>(compile: () => T): { readonly result: T; readonly leaves: number } {
    const before = this.leaves;
    this.leaves = 0;
    const result = compile();
    const { leaves } = this;
    this.leaves = before | leaves;
    return { result, leaves };
  }
}
