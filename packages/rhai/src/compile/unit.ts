import type { Closure, FunctionDefinition, Program } from "../ast/node.ts";
import type { Source } from "../errors/position.ts";
import type { ScriptFunctionLink } from "../values/fn-pointer.ts";
import type { Value } from "../values/value.ts";
import type { Exec } from "./exec.ts";

/** A script function or closure, compiled when it is first called. */
export class ScriptFunction implements ScriptFunctionLink {
  readonly name: string;
  /** Parameters that callers pass; captured variables come before them. */
  readonly arity: number;
  readonly params: readonly string[];
  readonly unit: Unit;
  readonly node: FunctionDefinition | Closure;
  /** Number of captured variables, passed as leading cells. */
  readonly captures: number;
  /** Type of `this` for `fn Type.name(…)`, as `type_of` gives it. */
  readonly thisType: string | null;
  readonly isPrivate: boolean;
  body: Exec;
  /** Slots a frame needs. */
  size: number;
  /** Nothing remembers a frame of this function after the call; known once the body is compiled. */
  forgetsFrames = false;
  /** Slot of `this`, right after captures and parameters. */
  readonly thisSlot: number;

  constructor(unit: Unit, node: FunctionDefinition | Closure, captures: number, compile: (fn: ScriptFunction) => void) {
    this.unit = unit;
    this.node = node;
    this.name = node.name;
    this.params = node.params.map((param) => param.name);
    this.arity = this.params.length;
    this.captures = captures;
    this.thisType = node.kind === "Function" && node.thisType !== null ? receiverType(node.thisType) : null;
    this.isPrivate = node.kind === "Function" && node.isPrivate;
    this.thisSlot = captures + this.arity;
    this.size = this.thisSlot + 1;
    this.body = (f) => {
      compile(this);
      return this.body(f);
    };
  }
}

function receiverType(written: string): string {
  return written === "int" ? "i64" : written === "float" ? "f64" : written;
}

/** One compiled source: functions and top-level code. Shared by all its runs. */
export class Unit {
  readonly source: Source;
  readonly program: Program;
  /** By `name/arity`. */
  readonly functions = new Map<string, ScriptFunction>();
  /** Methods with a receiver type, by `name/arity`. */
  readonly methods = new Map<string, ScriptFunction[]>();
  /** All functions in source order. */
  readonly all: ScriptFunction[] = [];
  /** Global constants are only recorded when something could read them. */
  recordsConstants = false;
  /** Top-level code, compiled when first run. */
  main: { readonly exec: Exec; readonly size: number; readonly exports: readonly TopVariable[] } | null = null;
  /** The evaluation whose code runs now. */
  state: UnitState;

  constructor(source: Source, program: Program) {
    this.source = source;
    this.program = program;
    this.state = new UnitState(this, "");
  }

  find(name: string, arity: number): ScriptFunction | undefined {
    return this.functions.get(`${name}/${arity}`);
  }

  findMethods(name: string, arity: number): readonly ScriptFunction[] | undefined {
    return this.methods.get(`${name}/${arity}`);
  }
}

/** A top-level variable, to hand back to the host's scope. */
export interface TopVariable {
  readonly name: string;
  readonly slot: number;
  readonly isConstant: boolean;
  readonly isCell: boolean;
}

/** What one evaluation of a unit has built up: a running script or a loaded module. */
export class UnitState {
  readonly unit: Unit;
  /** Name shown in errors; the import path for modules. */
  readonly name: string;
  /** `global::NAME`. */
  readonly constants = new Map<string, Value>();
  /** Imported modules that are visible now, newest last. */
  readonly imports: { readonly alias: string; readonly module: UnitState }[] = [];
  /** Variables a module exports. */
  readonly exports = new Map<string, Value>();
  /** For modules: identity of their text, to resolve their imports and find cycles. */
  readonly id: string;

  constructor(unit: Unit, name: string, id = "") {
    this.unit = unit;
    this.name = name;
    this.id = id;
  }
}
