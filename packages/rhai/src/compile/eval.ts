import type { Call } from "../ast/node.ts";
import { Source } from "../errors/position.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { mismatch } from "../errors/throwing.ts";
import { parse } from "../parse/parse.ts";
import { type Site, vm } from "../run/vm.ts";
import { untag } from "../values/tagged.ts";
import { typeNameOf } from "../values/type-name.ts";
import { capturedDeclarations } from "./captures.ts";
import { type Exec, Exit, failAt, Jump, located } from "./exec.ts";
import { compileExpr } from "./expressions.ts";
import { FunctionScope } from "./function-scope.ts";
import { finish } from "./functions.ts";
import { inCall } from "./invoke.ts";
import { compileBody } from "./statements.ts";

/** `eval(text)`: runs in the scope of the call; what it declares stays (spec 10). */
export function compileEval(s: FunctionScope, call: Call, _site: Site): Exec {
  const textExec = compileExpr(s, call.args[0]!);
  const argument = call.args[0]!;
  const site = s.site(argument.start, argument.end);
  const { unit } = s;
  const visible = s.variables.slice();
  return (f) => {
    const text = untag(textExec(f));
    if (typeof text !== "string") throw failAt(mismatch(typeNameOf(text), "string"), site);
    try {
      const source = new Source(text, "");
      const program = parse(source, vm.run.parseOptions);
      if (program.body.some((statement) => statement.kind === "Function")) {
        const message = "Function definitions must be at global level and cannot be inside a block or another function";
        throw new RhaiError("ErrorParsing", message, { parseKind: "WrongFnDefinition" }).withoutPlace();
      }
      const scope = new FunctionScope(unit, source, capturedDeclarations(program), s.size, s.thisSlot, s.isTopLevel);
      scope.variables = visible.slice();
      scope.isDynamic = true;
      scope.isEval = true;
      const exec = finish(compileBody(scope, program.body), scope);
      while (f.length < scope.size) f.push(undefined);
      return exec(f);
    } catch (error) {
      throw wrap(error, site);
    }
  };
}

/** Whatever goes wrong in the text, syntax errors included, is an error of the call of `eval`. */
function wrap(error: unknown, site: Site): unknown {
  if (error instanceof Jump || error instanceof Exit) return error;
  if (error instanceof RhaiError) {
    if (error.kind === "ErrorParsing") error.bareSyntax = false;
    else if (error.uncatchable) return error;
    return inCall(error, "eval", "", site);
  }
  return located(error, site);
}
