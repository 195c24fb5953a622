import type { TryStatement } from "../ast/node.ts";
import { catchValue } from "../errors/catch-value.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { isStackExhausted } from "../run/stack.ts";
import { stackOverflow, vm } from "../run/vm.ts";
import { Cell } from "../values/cell.ts";
import { BREAK, CONTINUE, type Exec, type Frame, RETURN } from "./exec.ts";
import type { FunctionScope } from "./function-scope.ts";
import { isPure } from "./purity.ts";
import { compileStatement } from "./statements.ts";

/** `try { … } catch (e) { … }`. Its value is `()`. */
export function compileTry(s: FunctionScope, node: TryStatement): Exec {
  if (isPure(s, node.body)) return () => undefined;
  const body = compileStatement(s, node.body);
  const { variable } = node;
  let slot = -1;
  let isCell = false;
  const handler = s.scoped(() => {
    if (variable !== null) {
      isCell = s.captured.has(variable);
      ({ slot } = s.declare(variable.name, false, isCell));
    }
    return compileStatement(s, node.handler);
  });
  const { unit } = s;
  return (f) => {
    const { depth } = vm;
    const { imports } = unit.state;
    const imported = imports.length;
    let value: ReturnType<Exec>;
    try {
      value = body(f);
    } catch (thrown) {
      const error = catchable(thrown);
      vm.depth = depth;
      imports.length = Math.min(imports.length, imported);
      if (slot >= 0) f[slot] = isCell ? (new Cell(catchValue(error)) as never) : catchValue(error);
      value = handle(handler, f, error);
    }
    return value === RETURN || value === BREAK || value === CONTINUE ? value : undefined;
  };
}

function catchable(thrown: unknown): RhaiError {
  if (isStackExhausted(thrown)) throw stackOverflow();
  if (!(thrown instanceof RhaiError) || thrown.uncatchable) throw thrown;
  return thrown;
}

/** A bare `throw` in the handler raises the original error again, from there. */
function handle(handler: Exec, f: Frame, original: RhaiError): ReturnType<Exec> {
  try {
    return handler(f);
  } catch (error) {
    if (!(error instanceof RhaiError) || error.kind !== "ErrorRuntime" || error.value !== undefined) throw error;
    throw original.movedTo(error);
  }
}
