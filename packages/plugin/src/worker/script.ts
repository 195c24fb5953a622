import { getHeapStatistics } from "node:v8";
import { type Ast, Engine, RhaiError, Scope, type Value } from "@blockvisor/rhai";
import type { EngineBridge } from "../bindings/bridge.ts";
import { registerBindings } from "../bindings/register.ts";
import type { PluginFiles, PluginFunction } from "../plugin.ts";
import { clock } from "./clock.ts";
import type { CoverageNotes } from "./covered.ts";
import { importResolver } from "./import-resolver.ts";
import { SCRIPT_LIMITS } from "./limits.ts";

export const MAIN_FILE = "main.rhai";

/** Asked of V8: what the process has is told by files, and a worker sees none. */
function memoryUsed(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}

export class SyntaxErrors extends Error {
  readonly errors: readonly RhaiError[];
  constructor(errors: readonly RhaiError[]) {
    super("the plugin does not compile");
    this.errors = errors;
  }
}

/** What a script is to the engine: the file that is called, and what it can use. */
export interface ScriptKind {
  readonly main: string;
  /** Registers functions; `globals` are the values that the script sees by name. */
  readonly register: (engine: Engine, bridge: EngineBridge, globals: Map<string, Value>) => void;
}

const PLUGIN: ScriptKind = { main: MAIN_FILE, register: registerBindings };

/** One plugin with its engine. Compiled once; every call starts from nothing (spec plugin-api.md §1.3). */
export class Script {
  readonly functions: readonly PluginFunction[];
  readonly asts: ReadonlyMap<string, Ast>;
  readonly #engine: Engine;
  readonly #main: Ast;

  /** Throws `SyntaxErrors`. */
  constructor(
    files: PluginFiles,
    bridge: EngineBridge,
    { main, register }: ScriptKind = PLUGIN,
    notes?: CoverageNotes,
  ) {
    const globals = new Map<string, Value>();
    this.#engine = new Engine({
      limits: SCRIPT_LIMITS,
      resolver: importResolver(files),
      clock,
      globals,
      ...(notes && { onStatement: notes.onStatement }),
      memoryUsed,
      onPrint: (text) => void bridge.call("log", ["info", text]),
      onDebug: (text) => void bridge.call("log", ["debug", text]),
      onSleep: (seconds) => bridge.sleep(seconds),
    });
    register(this.#engine, bridge, globals);
    this.asts = compileAll(this.#engine, files, main);
    this.#main = this.asts.get(main)!;
    this.functions = this.#main.functions.map((fn) => ({
      name: fn.name,
      params: fn.params,
      private: fn.isPrivate,
      doc: docOf(fn.docComments),
      file: main,
      line: fn.start.line,
    }));
  }

  get main(): Ast {
    return this.#main;
  }

  has(name: string, arity: number): boolean {
    return this.functions.some((fn) => fn.name === name && fn.params.length === arity);
  }

  /** Runs the top level, then the function. */
  call(name: string, args: readonly Value[], run: { readonly deadline: number; readonly cancel: Int32Array }): Value {
    // Modules run afresh with every call too: their constants may hold what the node is.
    this.#engine.clearModules();
    return this.#engine.callFn(new Scope(), this.#main, name, args, run);
  }
}

/** The text of doc comments without their markers. */
function docOf(comments: readonly string[]): string | null {
  if (comments.length === 0) return null;
  return comments.map((comment) => comment.replace(/^\/\/\/ ?|^\/\*\*\s*|\s*\*\/$/g, "")).join("\n");
}

function compileAll(engine: Engine, files: PluginFiles, main: string): Map<string, Ast> {
  const errors: RhaiError[] = [];
  const asts = new Map<string, Ast>();
  // The main file first: its errors are the ones the reference would report.
  const names = Object.keys(files).filter((name) => name !== main);
  for (const name of [main, ...names.sort()]) {
    const text = files[name];
    try {
      if (text !== undefined) asts.set(name, engine.compile(text, { source: name }));
      else
        errors.push(
          new RhaiError("ErrorSystem", `Cannot open script file '${name}': No such file or directory (os error 2)`),
        );
    } catch (error) {
      if (!(error instanceof RhaiError)) throw error;
      errors.push(error);
    }
  }
  if (errors.length > 0) throw new SyntaxErrors(errors);
  return asts;
}
