import type { Assignment, AssignOperator, Binary, Expr, Index } from "../ast/node.ts";
import { startOffset, unparen } from "../ast/positions.ts";
import { cannotModify, constantProperty, variableNotFound } from "../errors/throwing.ts";
import { setIndex } from "../ops/access.ts";
import { assignWith } from "../ops/assign.ts";
import { type Site, vm } from "../run/vm.ts";
import { RhaiArray } from "../values/array.ts";
import { Float } from "../values/float.ts";
import { MAX_SAFE } from "../values/int.ts";
import { RhaiMap } from "../values/map.ts";
import type { Value } from "../values/value.ts";
import { slowBinary } from "./binary-operators.ts";
import { begin, buildChain, Walk } from "./chains.ts";
import { type Exec, type Frame, failAt, located } from "./exec.ts";
import { compileBorrowed, compileExpr } from "./expressions.ts";
import { constantOf } from "./fold.ts";
import type { FunctionScope } from "./function-scope.ts";
import { localSlot } from "./operand.ts";
import { type Root, refuseConstant, rootOf } from "./places.ts";

/** `target = value`, `target op= value`: the right side first, then the target's indices, then the store. */
export function compileAssignment(s: FunctionScope, outer: Assignment): Exec {
  const node = asOpAssignment(outer);
  const target = unparen(node.target);
  const opSite = s.site(node.pos, node.pos + node.op.length);
  if (target.kind === "Variable" || target.kind === "This")
    return assignVariable(s, node.op, target, node.value, opSite);
  if (target.kind === "Index") {
    const simple =
      node.op === "="
        ? assignLocalIndex(s, target, node.value, opSite)
        : opAssignLocalIndex(s, node.op, target, node.value, opSite);
    if (simple !== null) return simple;
  }
  return assignChain(s, node.op, target, node.value, opSite);
}

interface Plain {
  readonly op: AssignOperator;
  readonly target: Expr;
  readonly value: Expr;
  readonly pos: number;
}

const ASSIGNABLE = new Set(["+", "-", "*", "/", "%", "**", "<<", ">>", "&", "|", "^"]);

/** `x = x op y` is `x op= y` to the reference; the place of arithmetic errors shows it. */
function asOpAssignment(node: Assignment): Plain {
  const target = unparen(node.target);
  const value = unparen(node.value);
  if (node.op !== "=" || target.kind !== "Variable" || value.kind !== "Binary" || !ASSIGNABLE.has(value.op))
    return node;
  const left = unparen(value.left);
  if (left.kind !== "Variable" || left.name !== target.name || left.path.length > 0 || target.path.length > 0)
    return node;
  return { op: `${value.op}=` as AssignOperator, target, value: value.right, pos: value.pos };
}

function assignVariable(s: FunctionScope, op: AssignOperator, target: Expr, valueExpr: Expr, opSite: Site): Exec {
  if (target.kind === "Variable" && target.path.length > 0) {
    const value = compileExpr(s, valueExpr);
    const site = s.site(target.pos, target.end);
    return (f) => {
      value(f);
      throw failAt(cannotModify(target.name), site);
    };
  }
  const slot = localSlot(s, target);
  const isPlain = slot >= 0 && !s.find((target as { name: string }).name)!.isConstant;
  if (op === "=") {
    const value = compileExpr(s, valueExpr);
    if (isPlain) {
      return (f) => {
        f[slot] = value(f);
        return undefined;
      };
    }
    const root = rootOf(s, target);
    return (f) => {
      const next = value(f);
      checkExists(s, root, target, f);
      refuseConstant(root, f);
      root.write(f, next);
      return undefined;
    };
  }
  if (isPlain) return opAssignLocal(s, op, slot, valueExpr, opSite);
  const root = rootOf(s, target);
  const value = compileExpr(s, valueExpr);
  return (f) => {
    const right = value(f);
    const current = root.read(f);
    refuseConstant(root, f);
    root.write(f, operate(op, current, right, opSite));
    return undefined;
  };
}

/** A name that nothing declares cannot be assigned. */
function checkExists(s: FunctionScope, root: Root, target: Expr, f: Parameters<Exec>[0]): void {
  if (target.kind === "This") {
    root.read(f);
    return;
  }
  if (target.kind !== "Variable" || s.find(target.name) !== null || s.isDynamic) {
    if (target.kind === "Variable" && s.isDynamic && s.find(target.name) === null) root.read(f);
    return;
  }
  if (!s.isTopLevel || !vm.run.scope.has(target.name)) throw failAt(variableNotFound(target.name), root.site);
}

function operate(op: AssignOperator, current: Value, value: Value, site: Site, shared = false): Value {
  try {
    return assignWith(op, current, value, shared);
  } catch (error) {
    throw located(error, site);
  }
}

/** The counters and sums of loops. */
function opAssignLocal(s: FunctionScope, op: AssignOperator, slot: number, valueExpr: Expr, site: Site): Exec {
  const constant = constantOf(s, valueExpr);
  if ((op === "+=" || op === "-=") && constant !== null && typeof constant.value === "number") {
    const delta = op === "+=" ? constant.value : -constant.value;
    const original = constant.value;
    return (f) => {
      const current = f[slot];
      if (typeof current === "number") {
        const next = current + delta;
        if (next <= MAX_SAFE && next >= -MAX_SAFE) {
          f[slot] = next;
          return undefined;
        }
      }
      f[slot] = operate(op, current, original, site);
      return undefined;
    };
  }
  const product = unparen(valueExpr);
  if (op === "+=" && product.kind === "Binary" && product.op === "*") return addProduct(s, slot, product, site);
  const value = op === "+=" ? compileExpr(s, valueExpr) : compileBorrowed(s, valueExpr);
  if (op === "+=") {
    return (f) => {
      const right = value(f);
      const current = f[slot];
      if (typeof current === "number" && typeof right === "number") {
        const next = current + right;
        if (next <= MAX_SAFE && next >= -MAX_SAFE) {
          f[slot] = next;
          return undefined;
        }
      }
      if (current instanceof Float && right instanceof Float) f[slot] = new Float(current.n + right.n);
      else f[slot] = operate(op, current, right, site);
      return undefined;
    };
  }
  return (f) => {
    const right = value(f);
    f[slot] = operate(op, f[slot], right, site);
    return undefined;
  };
}

/** `sum += a * b`: the product of two FLOATs is not worth an object of its own. */
function addProduct(s: FunctionScope, slot: number, product: Binary, site: Site): Exec {
  const left = compileBorrowed(s, product.left);
  const right = compileBorrowed(s, product.right);
  const productSite = s.site(product.pos, product.opEnd);
  return (f) => {
    const a = left(f);
    const b = right(f);
    const current = f[slot];
    if (a instanceof Float && b instanceof Float && current instanceof Float) {
      f[slot] = new Float(current.n + a.n * b.n);
      return undefined;
    }
    if (typeof a === "number" && typeof b === "number" && typeof current === "number") {
      const n = a * b;
      const next = current + n;
      if (n <= MAX_SAFE && n >= -MAX_SAFE && next <= MAX_SAFE && next >= -MAX_SAFE) {
        f[slot] = next + 0;
        return undefined;
      }
    }
    f[slot] = operate("+=", f[slot], slowBinary("*", a, b, productSite), site);
    return undefined;
  };
}

/** `v[i] = x` with a plain local variable. */
function assignLocalIndex(s: FunctionScope, target: Index, valueExpr: Expr, opSite: Site): Exec | null {
  const slot = localSlot(s, target.object);
  if (slot < 0 || target.optional) return null;
  const object = unparen(target.object);
  if (object.kind !== "Variable" || s.find(object.name)!.isConstant) return null;
  const value = compileExpr(s, valueExpr);
  const index = compileExpr(s, target.index);
  const site = s.site(startOffset(target.index), target.index.end);
  const bracket = s.site(target.pos, target.pos + 1);
  const storeSlowly = (f: Frame, current: Value, at: Value, next: Value): undefined => {
    try {
      f[slot] = setIndex(current, at, next, false);
    } catch (error) {
      throw located(error, storeErrorSite(error, site, bracket, opSite));
    }
    return undefined;
  };
  const indexSlot = localSlot(s, target.index);
  const constant = constantOf(s, valueExpr);
  if (indexSlot >= 0 && constant !== null) {
    const next = constant.value;
    return (f) => {
      const at = f[indexSlot];
      const current = f[slot];
      if (current instanceof RhaiArray && !current.shared && typeof at === "number") {
        const { items } = current;
        if (at >= 0 && at < items.length) {
          items[at] = next;
          return undefined;
        }
      }
      return storeSlowly(f, current, at, next);
    };
  }
  return (f) => {
    const next = value(f);
    const at = index(f);
    const current = f[slot];
    if (current instanceof RhaiArray && !current.shared && typeof at === "number") {
      const { items } = current;
      if (at >= 0 && at < items.length) {
        items[at] = next;
        return undefined;
      }
    }
    return storeSlowly(f, current, at, next);
  };
}

/** `v[i] op= x` with a plain local variable: an entry of a map or array is changed where it is. */
function opAssignLocalIndex(
  s: FunctionScope,
  op: AssignOperator,
  target: Index,
  valueExpr: Expr,
  opSite: Site,
): Exec | null {
  const slot = localSlot(s, target.object);
  if (slot < 0 || target.optional) return null;
  const object = unparen(target.object);
  if (object.kind !== "Variable" || s.find(object.name)!.isConstant) return null;
  const general = assignChain(s, op, target, valueExpr, opSite);
  const at = localSlot(s, target.index);
  const constant = constantOf(s, valueExpr);
  if (at < 0 || constant === null || typeof constant.value !== "number" || op !== "+=") return general;
  const delta = constant.value;
  return (f) => {
    const container = f[slot];
    const key = f[at];
    if (container instanceof RhaiMap && !container.shared && typeof key === "string" && container.dictionary !== null) {
      const current = container.dictionary.get(key);
      if (typeof current === "number") {
        const next = current + delta;
        if (next <= MAX_SAFE && next >= -MAX_SAFE) {
          container.dictionary.set(key, next);
          return undefined;
        }
      }
    } else if (container instanceof RhaiArray && !container.shared && typeof key === "number") {
      const { items } = container;
      const current = key >= 0 && key < items.length ? items[key] : undefined;
      if (typeof current === "number") {
        const next = current + delta;
        if (next <= MAX_SAFE && next >= -MAX_SAFE) {
          items[key] = next;
          return undefined;
        }
      }
    }
    return general(f);
  };
}

/** A value of the wrong type is at the value, an unavailable indexer at the bracket, the rest at the index. */
function storeErrorSite(error: unknown, index: Site, bracket: Site, value: Site): Site {
  const { kind, text } = error as { kind?: string; text?: string };
  if (kind === "ErrorIndexingType") return bracket;
  return kind === "ErrorMismatchDataType" && /expecting (?:bool|integer|INT|char)\)/.test(text!) ? value : index;
}

function assignChain(s: FunctionScope, op: AssignOperator, target: Expr, valueExpr: Expr, opSite: Site): Exec {
  const value = compileExpr(s, valueExpr);
  const chain = buildChain(s, target as Index);
  const { root } = chain;
  return (f) => {
    const right = value(f);
    const { values, start } = begin(chain, f);
    const leaf =
      op === "="
        ? { needsCurrent: false, update: () => right, valueSite: opSite }
        : {
            needsCurrent: true,
            update: (current: Value, shared: boolean) => operate(op, current, right, opSite, shared),
            valueSite: opSite,
          };
    if (!isProperty(chain, start, right, f)) refuseConstant(root, f);
    const walk = new Walk(chain, values, f, leaf);
    walk.step(0, start, false);
    if (walk.replaced !== start) root.write(f, walk.replaced);
    return undefined;
  };
}

/** A property of something that is not a map: a setter refuses constants itself, a missing one is the better error. */
function isProperty(chain: ReturnType<typeof buildChain>, start: Value, right: Value, f: Parameters<Exec>[0]): boolean {
  const link = chain.links[0]!;
  if (chain.links.length !== 1 || link.kind !== "property" || start instanceof RhaiMap) return false;
  if (chain.root.isConstant(f) && vm.run.natives.setter(start, link.name, right) !== null) {
    throw failAt(constantProperty(link.name), link.site);
  }
  return true;
}
