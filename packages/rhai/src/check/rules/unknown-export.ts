import type { Call, Program, Variable } from "../../ast/node.ts";
import { unparen } from "../../ast/positions.ts";
import { nearest } from "../../text/nearest.ts";
import type { Report, Rule } from "../rule.ts";
import type { Script } from "../script.ts";

export const unknownExport: Rule = {
  severity: "error",
  about: "a use of something that the imported module does not export",
  check: (script, report) => {
    const { modules } = script;
    if (modules === null) return;
    for (const { path, uses } of script.imports) {
      const module = path === null ? null : modules(path, script.name);
      for (const use of module === null ? [] : uses) {
        const target = follow(script, module!, use);
        if (target !== null) inspect(use, target.program, report);
      }
    }
  },
};

/** The module that `a::b::name` names; null when one on the way cannot be found. */
function follow(
  { modules }: Script,
  module: { readonly name: string; readonly program: Program },
  use: Variable | Call,
) {
  let at = module;
  for (const { name } of use.path.slice(1)) {
    const statement = at.program.body.findLast((one) => one.kind === "Import" && one.alias?.name === name);
    const path = statement?.kind === "Import" ? unparen(statement.path) : null;
    const text = path?.kind === "Literal" && typeof path.value === "string" ? path.value : null;
    const next = text === null ? null : modules!(text, at.name);
    if (next === null) return null;
    at = next;
  }
  return at;
}

function inspect(use: Variable | Call, { body }: Program, report: Report): void {
  const where = { start: use.path[0]!.start, end: use.kind === "Call" ? use.nameEnd : use.end };
  const module = use.path.map(({ name }) => name).join("::");
  if (use.kind === "Variable") {
    const exported = exportedVariables(body);
    if (exported.has(use.name)) return;
    const declared = body.some((one) => one.kind === "Let" && one.name.name === use.name);
    const close = nearest(use.name, exported);
    report(
      where,
      `module '${module}' does not export '${use.name}'`,
      declared ? `write 'export' before '${use.name}' there` : close && `did you mean '${module}::${close}'?`,
    );
    return;
  }
  const functions = body.filter((one) => one.kind === "Function");
  const visible = functions.filter(({ isPrivate }) => !isPrivate);
  const named = visible.filter(({ name }) => name === use.name);
  if (named.some(({ params }) => params.length === use.args.length)) return;
  if (named.length > 0) {
    const arities = named.map(({ params }) => params.length).join(" or ");
    report(
      where,
      `'${module}::${use.name}' takes ${arities} ${arities === "1" ? "argument" : "arguments"}, not ${use.args.length}`,
    );
    return;
  }
  const close = nearest(
    use.name,
    visible.map(({ name }) => name),
  );
  report(
    where,
    `module '${module}' does not export a function '${use.name}'`,
    functions.some(({ name }) => name === use.name)
      ? "it is private there"
      : close && `did you mean '${module}::${close}'?`,
  );
}

function exportedVariables(body: Program["body"]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const statement of body) {
    if (statement.kind === "Let" && statement.exported) names.add(statement.name.name);
    if (statement.kind === "Export") names.add((statement.alias ?? statement.name).name);
  }
  return names;
}
