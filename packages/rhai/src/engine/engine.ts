import type { HostType, NativeFn, NativeOptions, ParamType } from "../host/native.ts";
import type { HostObject } from "../values/host-object.ts";
import type { Value } from "../values/value.ts";
import type { Ast } from "./ast.ts";
import type { CallOptions, CompileOptions, EngineOptions, RunOptions } from "./options.ts";
import type { Scope } from "./scope.ts";

/** A type the host registered: usable as a parameter type, and able to wrap objects into script values. */
export interface RegisteredType<T extends object> extends ParamType {
  wrap(object: T): HostObject;
  /** The wrapped object, or null when the value is something else. */
  unwrap(value: Value): T | null;
}

/** A Rhai engine: standard library, host functions and types, limits, hooks. One engine runs one script at a time. */
export class Engine {
  readonly options: EngineOptions;

  constructor(options: EngineOptions = {}) {
    this.options = options;
  }

  /** Adds a function (or an overload of one). The newest registration of the same name and types wins. */
  registerFn(_name: string, _params: readonly ParamType[], _fn: NativeFn, _options: NativeOptions = {}): this {
    throw new Error("registerFn: body follows");
  }

  /** Makes JavaScript objects usable in scripts under a type name. */
  registerType<T extends object>(_name: string, _type: HostType<T>): RegisteredType<T> {
    throw new Error("registerType: body follows");
  }

  /** Parses a script. Throws a `RhaiError` at the first syntax error. */
  compile(_text: string, _options: CompileOptions = {}): Ast {
    throw new Error("compile: body follows");
  }

  /** Runs a script's top-level statements; the result is the value of the last one. */
  eval(_script: string | Ast, _scope?: Scope, _options: RunOptions = {}): Value {
    throw new Error("eval: body follows");
  }

  /** Calls a function of a script (private ones too). */
  callFn(_scope: Scope, _ast: Ast, _name: string, _args: readonly Value[], _options: CallOptions = {}): Value {
    throw new Error("callFn: body follows");
  }
}
