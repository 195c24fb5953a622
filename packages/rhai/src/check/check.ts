import type { Program } from "../ast/node.ts";
import type { Ast } from "../engine/ast.ts";
import type { Diagnostic } from "../errors/diagnostic.ts";
import { Source } from "../errors/position.ts";
import { parseAll } from "../parse/parse.ts";
import { standardLibrary } from "../std/standard.ts";
import { analyze } from "./analyze.ts";
import type { CheckOptions, KnownFunctions } from "./options.ts";
import type { Rule } from "./rule.ts";
import { RULES, type RuleCode } from "./rules.ts";
import type { Script } from "./script.ts";
import { functionsOf } from "./standard-functions.ts";

/**
 * What is wrong with a script that parses: one {@link Diagnostic} per finding, in source order.
 * Pure: reads nothing but its arguments.
 */
export function checkScript(ast: Pick<Ast, "source" | "program">, options: CheckOptions = {}): readonly Diagnostic[] {
  return runRules(ast.source, ast.program, options, false);
}

/** {@link checkScript} for a text: every syntax error, and what can be said about the rest. */
export function checkText(text: string, options: CheckOptions = {}, name = ""): readonly Diagnostic[] {
  const source = new Source(text, name);
  const { program, diagnostics } = parseAll(source);
  const findings = runRules(source, program, options, diagnostics.length > 0);
  return [...diagnostics, ...findings].sort(byPlace);
}

function runRules(source: Source, program: Program, options: CheckOptions, isPartial: boolean): readonly Diagnostic[] {
  const globals = new Set(options.globals);
  const script: Script = {
    text: source.text,
    name: source.name,
    program,
    known: knownFunctions(options),
    globals,
    modules: options.modules ?? null,
    entryPoints: options.entryPoints === undefined ? null : new Set(options.entryPoints),
    isPartial,
    ...analyze(program, globals),
  };
  const off = new Set<string>(options.off);
  const found: Diagnostic[] = [];
  for (const [code, rule] of Object.entries<Rule>(RULES) as [RuleCode, Rule][]) {
    if (off.has(code) || (isPartial && rule.needsWholeScript === true)) continue;
    rule.check(script, ({ start, end }, message, hint) => {
      found.push({ severity: rule.severity, code, message, start, end, ...(hint ? { hint } : {}) });
    });
  }
  return found.sort(byPlace);
}

function knownFunctions({ engine, functions = {} }: CheckOptions): KnownFunctions {
  const known = new Map<string, Set<number>>();
  const all = [...functionsOf(engine?.natives ?? standardLibrary()), ...Object.entries(functions)];
  for (const [name, arities] of all) {
    if (!known.has(name)) known.set(name, new Set());
    for (const arity of arities) known.get(name)!.add(arity);
  }
  return known;
}

function byPlace(a: Diagnostic, b: Diagnostic): number {
  return a.start - b.start || a.end - b.end;
}
