import type {
  ArrayLiteral,
  Binary,
  Expr,
  InterpolatedString,
  Logical,
  MapLiteral,
  StatementExpr,
  Unary,
} from "../ast/node.ts";
import { errorOffset, unparen } from "../ast/positions.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { mismatch } from "../errors/throwing.ts";
import { unary } from "../ops/arithmetic.ts";
import { checkArraySize, checkMapSize, checkTextSize } from "../run/sizes.ts";
import { compareText } from "../text/code-points.ts";
import { display } from "../text/format.ts";
import { RhaiArray } from "../values/array.ts";
import { Float } from "../values/float.ts";
import { newItems } from "../values/items.ts";
import { RhaiMap, Shape } from "../values/map.ts";
import { untag } from "../values/tagged.ts";
import { nativeTypeName } from "../values/type-name.ts";
import type { Value } from "../values/value.ts";
import * as ops from "./binary-operators.ts";
import { compileCall } from "./calls.ts";
import { compileChain } from "./chains.ts";
import { compileClosure } from "./closures.ts";
import { BREAK, CONTINUE, type Exec, failAt, jump, located, RETURN, UNBOUND } from "./exec.ts";
import { withFloatConstant } from "./float-constant.ts";
import { constantOf } from "./fold.ts";
import type { FunctionScope } from "./function-scope.ts";
import { compileIn } from "./in-operator.ts";
import { operand } from "./operand.ts";
import { compileStatement } from "./statements.ts";
import { compileVariable } from "./variables.ts";
import { compileWideRemainder } from "./wide.ts";

/** An expression whose value will be kept somewhere: containers read from a variable are marked as shared. */
export function compileExpr(s: FunctionScope, expr: Expr): Exec {
  return compile(s, unparen(expr), true);
}

/** An expression whose value is only looked at before anything can change it. */
export function compileBorrowed(s: FunctionScope, expr: Expr): Exec {
  return compile(s, unparen(expr), false);
}

function compile(s: FunctionScope, expr: Expr, keep: boolean): Exec {
  switch (expr.kind) {
    case "Literal": {
      const { value } = expr;
      return () => value;
    }
    case "Variable":
      return compileVariable(s, expr, keep);
    case "Binary":
      return compileBinary(s, expr);
    case "Unary":
      return compileUnary(s, expr);
    case "Logical":
      return expr.op === "??" ? compileCoalesce(s, expr, keep) : compileLogical(s, expr);
    case "Call":
      return compileCall(s, expr);
    case "Member":
    case "MethodCall":
    case "Index":
      return compileChain(s, expr, keep);
    case "This": {
      const slot = s.thisSlot;
      const site = s.site(expr.start, expr.end);
      return (f) => {
        const value = f[slot];
        if (value === UNBOUND || slot < 0) throw failAt(new RhaiError("ErrorUnboundThis", "'this' not bound"), site);
        if (keep && typeof value === "object" && "shared" in value) value.shared = true;
        return value;
      };
    }
    case "InterpolatedString":
      return compileInterpolated(s, expr);
    case "Array":
      return compileArray(s, expr);
    case "Map":
      return compileMap(s, expr);
    case "StatementExpr":
      return compileStatementExpr(s, expr);
    case "Closure":
      return compileClosure(s, expr);
    default:
      return compile(s, unparen(expr), keep);
  }
}

function compileBinary(s: FunctionScope, expr: Binary): Exec {
  if (expr.op === "in" || expr.op === "!in") return compileIn(s, expr);
  const folded = constantOf(s, expr);
  if (folded !== null) {
    const { value } = folded;
    return () => value;
  }
  const site = s.site(expr.pos, expr.opEnd);
  const l = operand(s, expr.left);
  const constant = constantOf(s, expr.right)?.value;
  const scaled = constant instanceof Float ? withFloatConstant(expr.op, l, constant, site) : null;
  if (scaled !== null) return scaled;
  const r = operand(s, expr.right);
  switch (expr.op) {
    case "+":
      return ops.add(l, r, site);
    case "-":
      return ops.subtract(l, r, site);
    case "*":
      return ops.multiply(l, r, site);
    case "/":
      return ops.divide(l, r, site);
    case "%":
      return compileWideRemainder(s, expr.left, r, site) ?? ops.remainder(l, r, site);
    case "&":
      return ops.bitAnd(l, r, site);
    case "<":
      return ops.less(l, r, site);
    case "<=":
      return ops.lessEqual(l, r, site);
    case ">":
      return ops.greater(l, r, site);
    case ">=":
      return ops.greaterEqual(l, r, site);
    case "==":
      return ops.equal(l, r, site);
    case "!=":
      return ops.notEqual(l, r, site);
    default:
      return ops.generic(expr.op, l, r, site);
  }
}

function compileUnary(s: FunctionScope, expr: Unary): Exec {
  const folded = constantOf(s, expr);
  if (folded !== null) {
    const { value } = folded;
    return () => value;
  }
  const operandExec = compileBorrowed(s, expr.operand);
  const { op } = expr;
  const site = s.site(expr.start, expr.start + 1);
  const slow = (value: Value): Value => {
    try {
      return unary(op, value);
    } catch (error) {
      throw located(error, site);
    }
  };
  if (op === "!") {
    return (f) => {
      const value = operandExec(f);
      return typeof value === "boolean" ? !value : slow(value);
    };
  }
  return (f) => slow(operandExec(f));
}

/** A condition: the value when it is a bool, otherwise an error at the expression. */
export function compileCondition(s: FunctionScope, expr: Expr): Exec {
  const exec = compileBorrowed(s, expr);
  if (isCertainlyBool(expr)) return exec;
  const site = s.site(errorOffset(expr), expr.end);
  return (f) => {
    const value = exec(f);
    if (typeof value === "boolean") return value;
    const plain = untag(value);
    if (typeof plain === "boolean") return plain;
    throw failAt(mismatch(nativeTypeName(value), "bool"), site);
  };
}

/** Comparisons of plain values give a bool or raise. */
function isCertainlyBool(outer: Expr): boolean {
  const expr = unparen(outer);
  if (expr.kind !== "Binary") return expr.kind === "Logical" && expr.op !== "??";
  return ["==", "!=", "<", "<=", ">", ">=", "in", "!in"].includes(expr.op);
}

function compileLogical(s: FunctionScope, expr: Logical): Exec {
  const left = compileCondition(s, expr.left);
  const right = compileCondition(s, expr.right);
  if (expr.op === "&&") return (f) => (left(f) === true ? right(f) : false);
  return (f) => (left(f) === true ? true : right(f));
}

function compileCoalesce(s: FunctionScope, expr: Logical, keep: boolean): Exec {
  const left = compile(s, unparen(expr.left), keep);
  const right = compile(s, unparen(expr.right), keep);
  return (f) => {
    const value = left(f);
    return value === undefined ? right(f) : value;
  };
}

function compileInterpolated(s: FunctionScope, expr: InterpolatedString): Exec {
  const texts = expr.quasis.map((quasi) => quasi.text);
  const parts = expr.blocks.map((block) => {
    const [only] = block.body;
    if (block.body.length === 1 && only!.kind === "Expression") return compileBorrowed(s, only!.expr);
    return compileStatementExpr(s, { kind: "StatementExpr", statement: block, start: block.start, end: block.end });
  });
  const site = s.site(expr.start, expr.end);
  const first = texts[0]!;
  if (parts.length === 1) {
    const only = parts[0]!;
    const last = texts[1]!;
    return (f) => {
      const value = only(f);
      const text = first + (typeof value === "string" ? value : display(value)) + last;
      if (text.length > 256) checked(text, site);
      return text;
    };
  }
  return (f) => {
    let text = first;
    for (let i = 0; i < parts.length; i++) {
      const value = parts[i]!(f);
      text += (typeof value === "string" ? value : display(value)) + texts[i + 1];
    }
    if (text.length > 256) checked(text, site);
    return text;
  };
}

function checked(
  text: string,
  site: { source: import("../errors/position.ts").Source; start: number; end: number },
): void {
  try {
    checkTextSize(text);
  } catch (error) {
    throw located(error, site);
  }
}

function compileArray(s: FunctionScope, expr: ArrayLiteral): Exec {
  const items = expr.items.map((item) => compileExpr(s, item));
  const site = s.site(expr.start, expr.end);
  const { length } = items;
  if (length === 0) return () => new RhaiArray(newItems());
  return (f) => {
    const values = newItems();
    for (let i = 0; i < length; i++) values.push(items[i]!(f));
    try {
      checkArraySize(length);
    } catch (error) {
      throw located(error, site);
    }
    return new RhaiArray(values);
  };
}

/** Values are computed in source order and stored in key order. */
function compileMap(s: FunctionScope, expr: MapLiteral): Exec {
  const entries = expr.entries.map((entry) => ({ key: entry.key, exec: compileExpr(s, entry.value) }));
  const { length } = entries;
  if (length === 0) return () => new RhaiMap(null, []);
  const site = s.site(expr.start, expr.end);
  const shape = new Shape(entries.map((entry) => entry.key).sort(compareText));
  const execs = entries.map((entry) => entry.exec);
  const slots = entries.map((entry) => shape.find(entry.key));
  const inOrder = slots.every((slot, i) => slot === i);
  return (f) => {
    const values = newItems();
    if (inOrder) for (let i = 0; i < length; i++) values.push(execs[i]!(f));
    else {
      for (let i = 0; i < length; i++) values.push(undefined);
      for (let i = 0; i < length; i++) values[slots[i]!] = execs[i]!(f);
    }
    try {
      checkMapSize(length);
    } catch (error) {
      throw located(error, site);
    }
    return new RhaiMap(shape, values);
  };
}

/** A statement inside an expression: jumps out of it cannot be passed on as signals, so they are thrown. */
function compileStatementExpr(s: FunctionScope, expr: StatementExpr): Exec {
  const before = s.leaves;
  s.leaves = 0;
  const exec = compileStatement(s, expr.statement);
  const { leaves } = s;
  s.leaves = before;
  if (leaves === 0) return exec;
  if ((leaves & 1) !== 0) s.thrownReturn = true;
  if ((leaves & 6) !== 0) s.thrownLoopJump = true;
  return (f) => {
    const value = exec(f);
    return value === RETURN || value === BREAK || value === CONTINUE ? jump(value) : value;
  };
}
