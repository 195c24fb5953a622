import { compileMain, NOT_SET } from "../compile/build-unit.ts";
import { dynamicVariables } from "../compile/dynamic-variables.ts";
import { Exit, type Frame, fromHost, Jump, newFrame, UNBOUND } from "../compile/exec.ts";
import { callPointer, makeFrame, withState } from "../compile/invoke.ts";
import { type Unit, UnitState } from "../compile/unit.ts";
import { Source } from "../errors/position.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { notFoundText } from "../errors/throwing.ts";
import { DEFAULT_LIMITS, type Limits } from "../host/limits.ts";
import type { HostType, NativeFn, NativeOptions, ParamType } from "../host/native.ts";
import { Effect, Natives } from "../host/natives.ts";
import { ModuleLoader } from "../modules/loader.ts";
import type { ParseOptions } from "../parse/options.ts";
import { parse } from "../parse/parse.ts";
import { isStackExhausted } from "../run/stack.ts";
import { restoreRegisters, saveRegisters, stackOverflow, startRun } from "../run/vm.ts";
import { standardLibrary } from "../std/standard.ts";
import { setHostText } from "../text/format.ts";
import { Cell } from "../values/cell.ts";
import { share } from "../values/copy.ts";
import type { FnPtr } from "../values/fn-pointer.ts";
import { Tag } from "../values/tag.ts";
import type { Value } from "../values/value.ts";
import type { Ast } from "./ast.ts";
import { adapt } from "./host-functions.ts";
import { HostTypeRegistration, type RegisteredType } from "./host-types.ts";
import type { CallOptions, CompileOptions, EngineOptions, RunOptions } from "./options.ts";
import { Evaluation } from "./run.ts";
import { Scope } from "./scope.ts";
import { Script } from "./script.ts";

/** A Rhai engine: standard library, host functions and types, limits, hooks. One engine runs one script at a time. */
export class Engine {
  readonly options: EngineOptions;
  readonly limits: Limits;
  /** Everything scripts can call, for checkers and completion. */
  readonly natives: Natives = new Natives(standardLibrary());
  readonly parseOptions: ParseOptions;
  private readonly loader: ModuleLoader;
  private nextTag: Tag = Tag.FirstHost;

  constructor(options: EngineOptions = {}) {
    this.options = options;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    const { exprDepth, functionExprDepth, functions, stringSize, arraySize, mapSize } = this.limits;
    const disabled = new Set(options.disabledSymbols);
    this.parseOptions = {
      exprDepth,
      functionExprDepth,
      functions,
      stringSize,
      arraySize,
      mapSize,
      disabledSymbols: disabled.size > 0 ? disabled : null,
    };
    this.loader = new ModuleLoader(this.parseOptions, options.resolver ?? null, this.limits.modules);
  }

  /** Adds a function (or an overload of one). The newest registration of the same name and types wins. */
  registerFn(name: string, params: readonly ParamType[], fn: NativeFn, options: NativeOptions = {}): this {
    this.natives.register({
      name,
      params: params.map((param) => param.tag),
      impl: adapt(name, fn),
      effect: options.mutates === true ? Effect.Replaces : Effect.None,
      doc: options.doc ?? "",
    });
    return this;
  }

  /** Makes JavaScript objects usable in scripts under a type name. */
  registerType<T extends object>(name: string, type: HostType<T>): RegisteredType<T> {
    return new HostTypeRegistration(this.natives, this.nextTag++, name, type);
  }

  /** Parses a script. Throws a `RhaiError` at the first syntax error. */
  compile(text: string, options: CompileOptions = {}): Ast {
    const source = new Source(text, options.source ?? "");
    return new Script(source, parse(source, this.parseOptions));
  }

  /** Forgets loaded modules, so that imports run their top-level statements again. Parsed texts are kept. */
  clearModules(): void {
    this.loader.clear();
  }

  /** Runs a script's top-level statements; the result is the value of the last one. */
  eval(script: string | Ast, scope?: Scope, options: RunOptions = {}): Value {
    const ast = typeof script === "string" ? this.compileToRun(script) : own(script);
    const state = new UnitState(ast.unit, ast.source.name, ast.source.name);
    return this.run(state, scope ?? new Scope(), options, () => {
      const value = this.runTopLevel(ast.unit, scope ?? null);
      ast.lastState = state;
      return value;
    });
  }

  /** `compile` for text that is run at once: syntax errors show as such. */
  private compileToRun(text: string): Script {
    try {
      return own(this.compile(text));
    } catch (error) {
      if (error instanceof RhaiError) error.bareSyntax = false;
      throw error;
    }
  }

  /**
   * Calls a function of a script (private ones too). The top-level statements run first, in the given scope, which is
   * then put back to its size. An error of the function itself is not wrapped in a call frame.
   */
  callFn(scope: Scope, ast: Ast, name: string, args: readonly Value[], options: CallOptions = {}): Value {
    const script = own(ast);
    const again = options.evalTopLevel !== false || script.lastState === null;
    const state = again ? new UnitState(script.unit, script.source.name, script.source.name) : script.lastState!;
    return this.run(state, scope, options, () => {
      if (options.evalTopLevel !== false) {
        const { size } = scope;
        this.runTopLevel(script.unit, scope);
        scope.rewind(size);
        script.lastState = state;
      }
      const fn = script.unit.find(name, args.length);
      if (fn === undefined) throw notFoundText(name);
      const frame = makeFrame(fn, args.map(share));
      frame[fn.thisSlot] = UNBOUND;
      return fn.body(frame);
    });
  }

  /** Calls a function pointer that a script has given to the host, also after its evaluation has ended. */
  callFnPtr(fn: FnPtr, args: readonly Value[], options: RunOptions = {}): Value {
    const home = (fn.home as UnitState | null) ?? new UnitState(own(this.compile("")).unit, "");
    return this.run(home, new Scope(), options, () => callPointer(fn, args.map(share), UNBOUND, null));
  }

  private runTopLevel(unit: Unit, scope: Scope | null): Value {
    const main = compileMain(unit, this.limits.variables);
    const frame = newFrame(main.size, NOT_SET);
    try {
      return main.exec(frame);
    } finally {
      if (scope !== null) keepVariables(unit, frame, scope);
    }
  }

  /** Everything an evaluation needs around it: registers, state of the unit, control flow that ends it. */
  private run(state: UnitState, scope: Scope, options: RunOptions, body: () => Value): Value {
    const saved = saveRegisters();
    const text = setHostText(this.natives);
    try {
      startRun(
        new Evaluation({
          natives: this.natives,
          limits: this.limits,
          main: state,
          scope,
          parseOptions: this.parseOptions,
          engine: this.options,
          options,
          importModule: (path, importer) => this.loader.load(path, importer),
        }),
      );
      return withState(state, body);
    } catch (error) {
      if (error instanceof Exit) return error.value;
      throw outermost(error);
    } finally {
      restoreRegisters(saved);
      setHostText(text);
    }
  }
}

function own(ast: Ast): Script {
  if (ast instanceof Script) return ast;
  throw new TypeError("not an Ast of this library");
}

function outermost(error: unknown): unknown {
  if (error instanceof RhaiError) return error;
  if (isStackExhausted(error)) return stackOverflow();
  return error instanceof Jump ? error : fromHost(error);
}

/** Top-level variables stay in the host's scope. */
function keepVariables(unit: Unit, frame: Frame, scope: Scope): void {
  for (const { name, slot, isConstant } of unit.main!.exports) {
    const value = frame[slot] as Value | Cell;
    if (value === NOT_SET) continue;
    scope.pushEntry({ name, value: value instanceof Cell ? value : share(value), isConstant });
  }
  for (const { name, cell } of dynamicVariables(frame)) {
    scope.pushEntry({ name, value: cell.shared ? cell : share(cell.value), isConstant: cell.readOnly });
  }
}
