import type { Block, Expr, IfStatement, JumpStatement, LetStatement, Statement } from "../ast/node.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { thrown } from "../errors/throwing.ts";
import { vm } from "../run/vm.ts";
import { Cell } from "../values/cell.ts";
import { share } from "../values/copy.ts";
import { untag } from "../values/tagged.ts";
import { compileAssignment } from "./assignments.ts";
import { declareDynamic, dynamicCount, forgetDynamic } from "./dynamic-variables.ts";
import { BREAK, CONTINUE, type Exec, failAt, RETURN } from "./exec.ts";
import { compileBorrowed, compileCondition, compileExpr } from "./expressions.ts";
import { constantOf, deepConstantOf } from "./fold.ts";
import { type FunctionScope, Leaves } from "./function-scope.ts";
import { compileDo, compileFor, compileLoop, compileWhile } from "./loops.ts";
import { compileExport, compileImport } from "./modules.ts";
import { localSlot } from "./operand.ts";
import { isPure } from "./purity.ts";
import { compileSwitch } from "./switches.ts";
import { compileTry } from "./try-catch.ts";

/** A statement: gives its value, or a signal when control leaves it early. */
export function compileStatement(s: FunctionScope, node: Statement): Exec {
  switch (node.kind) {
    case "Expression":
      return compileExpr(s, node.expr);
    case "Block":
      return compileBlock(s, node);
    case "If":
      return compileIf(s, node);
    case "Assignment":
      return compileAssignment(s, node);
    case "Let":
      return compileLet(s, node);
    case "While":
      return compileWhile(s, node);
    case "Loop":
      return compileLoop(s, node);
    case "Do":
      return compileDo(s, node);
    case "For":
      return compileFor(s, node);
    case "Switch":
      return compileSwitch(s, node);
    case "Try":
      return compileTry(s, node);
    case "Return":
    case "Break":
    case "Throw":
      return compileJump(s, node);
    case "Continue":
      s.leaves |= Leaves.Continue;
      return () => CONTINUE;
    case "Import":
      return compileImport(s, node);
    case "Export":
      return compileExport(s, node);
    default:
      return () => undefined;
  }
}

/** The statements of a function or script: the last one gives the value. */
export function compileBody(s: FunctionScope, statements: readonly Statement[]): Exec {
  return compileSequence(s, statements, !s.isTopLevel && !s.isDynamic);
}

/**
 * A block with its own scope. Statements without effect whose value nobody takes are left out, as the reference's
 * optimiser does (an unknown name in one of them is never noticed).
 */
function compileBlock(s: FunctionScope, block: Block): Exec {
  const body = s.scoped(() => compileSequence(s, block.body, false));
  const scoped = withImports(s, block.body, body);
  if (!s.isDynamic) return scoped;
  return (f) => {
    const count = dynamicCount(f);
    try {
      return scoped(f);
    } finally {
      forgetDynamic(f, count);
    }
  };
}

/** Modules imported in a block are forgotten at its end. */
export function withImports(s: FunctionScope, statements: readonly Statement[], body: Exec): Exec {
  if (!statements.some((statement) => statement.kind === "Import")) return body;
  const { unit } = s;
  return (f) => {
    const { imports } = unit.state;
    const count = imports.length;
    try {
      return body(f);
    } finally {
      imports.length = count;
    }
  };
}

interface Step {
  readonly exec: Exec;
  readonly leaves: boolean;
}

/** The body of a loop: like a block, except that a `continue` at the end of a branch just ends the round. */
export function compileLoopBlock(s: FunctionScope, block: Block): Exec {
  if (s.isDynamic) return compileBlock(s, block);
  const body = s.scoped(() => compileRound(s, block.body));
  return withImports(s, block.body, body);
}

/** `if c { …; continue; } rest` is `if c { … } else { rest }`: no signal has to be passed on. */
function compileRound(s: FunctionScope, all: readonly Statement[]): Exec {
  const statements = all.filter((statement) => statement.kind !== "Empty");
  const at = statements.findIndex((statement) => endsBranch(statement, "Continue"));
  if (at < 0 || vm.run.onStatement !== undefined) return compileSequence(s, statements, false);
  const node = statements[at] as IfStatement;
  const head = s.watchLeaves(() => compileSequence(s, statements.slice(0, at), false));
  const condition = compileCondition(s, node.condition);
  const branch = node.then.body.filter((statement) => statement.kind !== "Empty").slice(0, -1);
  const then = withImports(
    s,
    branch,
    s.scoped(() => compileSequence(s, branch, false)),
  );
  const rest = compileRound(s, statements.slice(at + 1));
  const choice: Exec = (f) => (condition(f) === true ? then(f) : rest(f));
  if (at === 0) return choice;
  return sequence([
    { exec: head.result, leaves: head.leaves !== 0 },
    { exec: choice, leaves: false },
  ]);
}

function compileSequence(s: FunctionScope, all: readonly Statement[], isFunctionEnd: boolean): Exec {
  const statements = all.filter((statement) => statement.kind !== "Empty" && statement.kind !== "Function");
  if (isFunctionEnd && vm.run.onStatement === undefined) {
    const early = statements.findIndex((statement) => endsBranch(statement, "Return"));
    if (early >= 0 && early < statements.length - 1) return compileEarlyReturn(s, statements, early);
  }
  const steps: Step[] = [];
  statements.forEach((statement, i) => {
    const isLast = i === statements.length - 1;
    if (!isLast && !s.isEval && vm.run.onStatement === undefined && isPure(s, statement)) return;
    const { result, leaves } = s.watchLeaves(() =>
      isLast && isFunctionEnd ? compileTail(s, statement) : compileStatement(s, statement),
    );
    steps.push({ exec: watched(s, statement, result), leaves: leaves !== 0 });
  });
  return sequence(steps);
}

/** What an engine compiles it compiles for itself, so it is known whether somebody watches. */
function watched(s: FunctionScope, { start }: Statement, exec: Exec): Exec {
  const { onStatement } = vm.run;
  if (onStatement === undefined) return exec;
  const { source } = s.unit;
  return (f) => {
    onStatement(source, start);
    return exec(f);
  };
}

/** `if c { …; return x; }` or `if c { …; continue; }` without an `else`. */
function endsBranch(statement: Statement, jump: "Return" | "Continue"): boolean {
  if (statement.kind !== "If" || statement.otherwise !== null) return false;
  const last = statement.then.body.filter((inner) => inner.kind !== "Empty").at(-1);
  return last?.kind === jump;
}

/** An early return turns what follows it into the other branch, so that no signal has to be passed on. */
function compileEarlyReturn(s: FunctionScope, statements: readonly Statement[], at: number): Exec {
  const before = statements.slice(0, at);
  const node = statements[at] as IfStatement;
  const head = before.length === 0 ? null : s.watchLeaves(() => compileSequence(s, before, false));
  const condition = compileCondition(s, node.condition);
  const then = withImports(
    s,
    node.then.body,
    s.scoped(() => compileSequence(s, node.then.body, true)),
  );
  const rest = compileSequence(s, statements.slice(at + 1), true);
  const choice: Exec = (f) => (condition(f) === true ? then(f) : rest(f));
  if (head === null) return choice;
  return sequence([
    { exec: head.result, leaves: head.leaves !== 0 },
    { exec: choice, leaves: false },
  ]);
}

/** The last statement of a function: a local variable is handed out as it is, because the frame ends here. */
function compileTail(s: FunctionScope, statement: Statement): Exec {
  if (statement.kind === "Expression" && localSlot(s, statement.expr) >= 0) return compileBorrowed(s, statement.expr);
  if (statement.kind === "Return")
    return statement.value === null ? () => undefined : compileReturned(s, statement.value);
  return compileStatement(s, statement);
}

function compileReturned(s: FunctionScope, value: Expr): Exec {
  return localSlot(s, value) >= 0 ? compileBorrowed(s, value) : compileExpr(s, value);
}

/** Runs steps in order; stops when one of those that can leave early does. */
function sequence(steps: readonly Step[]): Exec {
  const [a, b, c] = steps;
  const early = steps.slice(0, -1).some((step) => step.leaves);
  switch (steps.length) {
    case 0:
      return () => undefined;
    case 1:
      return a!.exec;
    case 2: {
      const first = a!.exec;
      const second = b!.exec;
      if (!early) {
        return (f) => {
          first(f);
          return second(f);
        };
      }
      return (f) => {
        const value = first(f);
        return value === RETURN || value === BREAK || value === CONTINUE ? value : second(f);
      };
    }
    case 3: {
      const first = a!.exec;
      const second = b!.exec;
      const third = c!.exec;
      if (early) break;
      return (f) => {
        first(f);
        second(f);
        return third(f);
      };
    }
    default:
  }
  const execs = steps.map((step) => step.exec);
  const last = execs.length - 1;
  if (!early) {
    return (f) => {
      for (let i = 0; i < last; i++) execs[i]!(f);
      return execs[last]!(f);
    };
  }
  return (f) => {
    for (let i = 0; i < last; i++) {
      const value = execs[i]!(f);
      if (value === RETURN || value === BREAK || value === CONTINUE) return value;
    }
    return execs[last]!(f);
  };
}

function compileIf(s: FunctionScope, node: IfStatement): Exec {
  const known = constantCondition(s, node);
  if (known !== null) {
    const taken = known ? node.then : node.otherwise;
    return taken === null ? () => undefined : compileStatement(s, taken);
  }
  const condition = compileCondition(s, node.condition);
  const then = compileStatement(s, node.then);
  if (node.otherwise === null) return (f) => (condition(f) === true ? then(f) : undefined);
  const otherwise = compileStatement(s, node.otherwise);
  return (f) => (condition(f) === true ? then(f) : otherwise(f));
}

function constantCondition(s: FunctionScope, node: IfStatement): boolean | null {
  const constant = constantOf(s, node.condition);
  return constant !== null && typeof constant.value === "boolean" ? constant.value : null;
}

function compileLet(s: FunctionScope, node: LetStatement): Exec {
  const { name } = node.name;
  const init = node.init === null ? () => undefined : compileExpr(s, node.init);
  const atTop = s.blockDepth === 0;
  if (s.isEval && atTop) return compileEvalLet(s, name, init, node.isConst);
  const literal =
    node.isConst && !s.isDynamic ? (node.init === null ? { value: undefined } : deepConstantOf(s, node.init)) : null;
  const isCell = s.captured.has(node.name);
  const { slot } = s.declare(name, node.isConst, isCell, literal);
  const { unit } = s;
  const isTop = s.isTopLevel && atTop;
  if (isTop) s.declared.push({ name, slot, isConstant: node.isConst, isCell });
  const records = isTop && node.isConst && unit.recordsConstants;
  const { exported } = node;
  const limit = s.variableLimit;
  const tooMany = limit > 0 && s.variables.length > limit;
  const site = s.site(node.name.start, node.name.end);
  if (!records && !exported && !tooMany) {
    if (isCell) {
      return (f) => {
        f[slot] = new Cell(init(f)) as never;
        return undefined;
      };
    }
    return (f) => {
      f[slot] = init(f);
      return undefined;
    };
  }
  return (f) => {
    const value = init(f);
    if (tooMany) throw failAt(new RhaiError("ErrorTooManyVariables", "Too many variables defined"), site);
    f[slot] = isCell ? (new Cell(value) as never) : value;
    if (records) unit.state.constants.set(name, share(value));
    if (exported) unit.state.exports.set(name, share(value));
    return undefined;
  };
}

function compileEvalLet(s: FunctionScope, name: string, init: Exec, isConst: boolean): Exec {
  const { unit } = s;
  const records = s.isTopLevel && isConst && unit.recordsConstants;
  return (f) => {
    const value = init(f);
    declareDynamic(f, name, value, isConst);
    if (records) unit.state.constants.set(name, share(value));
    return undefined;
  };
}

function compileJump(s: FunctionScope, node: JumpStatement): Exec {
  const { kind } = node;
  const isLocal = kind === "Return" && node.value !== null && !s.isTopLevel && localSlot(s, node.value) >= 0;
  const value = node.value === null ? null : isLocal ? compileBorrowed(s, node.value) : compileExpr(s, node.value);
  if (kind === "Throw") {
    const site = s.site(node.start, node.start + 5);
    return (f) => {
      throw failAt(thrown(value === null ? undefined : untag(value(f))), site);
    };
  }
  s.leaves |= kind === "Return" ? Leaves.Return : Leaves.Break;
  const signal = kind === "Return" ? RETURN : BREAK;
  if (value === null) {
    return () => {
      vm.result = undefined;
      return signal;
    };
  }
  return (f) => {
    vm.result = value(f);
    return signal;
  };
}
