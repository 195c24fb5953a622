import type { Expr, Index, Member, MethodCall } from "../ast/node.ts";
import { startOffset, unparen } from "../ast/positions.ts";
import { getIndex, getProperty, setIndex, setProperty } from "../ops/access.ts";
import type { Site } from "../run/vm.ts";
import { RhaiArray } from "../values/array.ts";
import { share } from "../values/copy.ts";
import { RhaiMap, type Shape } from "../values/map.ts";
import type { Value } from "../values/value.ts";
import { compilePush } from "./array-push.ts";
import { type Exec, type Frame, located } from "./exec.ts";
import { compileBorrowed, compileExpr } from "./expressions.ts";
import { constantOf } from "./fold.ts";
import type { FunctionScope } from "./function-scope.ts";
import { MethodLink } from "./methods.ts";
import { localSlot } from "./operand.ts";
import { type Root, rootOf } from "./places.ts";

/** One step of an access chain. `at` is where its values (index, arguments) start in the evaluated list. */
export type Link =
  | { readonly kind: "property"; readonly name: string; readonly optional: boolean; readonly site: Site }
  | {
      readonly kind: "index";
      readonly optional: boolean;
      readonly at: number;
      readonly site: Site;
      readonly bracket: Site;
    }
  | { readonly kind: "method"; readonly optional: boolean; readonly at: number; readonly method: MethodLink };

export interface Chain {
  readonly root: Root;
  readonly links: readonly Link[];
  /** Index expressions and arguments of all links, in order. */
  readonly values: readonly Exec[];
  /** Temporaries are evaluated after the values, unless there is only one trivial link. */
  readonly rootFirst: boolean;
}

type Access = Member | MethodCall | Index;

const isAccess = (expr: Expr): expr is Access =>
  expr.kind === "Member" || expr.kind === "MethodCall" || expr.kind === "Index";

/** Takes a chain apart (spec 5.3: everything in brackets and parentheses is evaluated before the chain is walked). */
export function buildChain(s: FunctionScope, outer: Access): Chain {
  const accesses: Access[] = [];
  let inner: Expr = outer;
  while (isAccess(inner)) {
    accesses.unshift(inner);
    inner = unparen(inner.object);
  }
  const root = rootOf(s, inner);
  const values: Exec[] = [];
  const links = accesses.map((access): Link => {
    const { optional } = access;
    const at = values.length;
    switch (access.kind) {
      case "Member":
        return { kind: "property", name: access.name, optional, site: s.site(access.pos, access.end) };
      case "Index": {
        values.push(compileExpr(s, access.index));
        const site = s.site(startOffset(access.index), access.index.end);
        return { kind: "index", optional, at, site, bracket: s.site(access.pos, access.pos + 1) };
      }
      default:
        for (const arg of access.args) values.push(compileExpr(s, arg));
        return { kind: "method", optional, at, method: new MethodLink(s, access) };
    }
  });
  const [first] = accesses;
  const isTrivial =
    accesses.length === 1 && (values.length === 0 || (first!.kind === "Index" && constantOf(s, first!.index) !== null));
  return { root, links, values, rootFirst: isTrivial };
}

/** Reading: `a.b`, `a[i]`, `a.f(x)` and longer. */
export function compileChain(s: FunctionScope, expr: Access, keep: boolean): Exec {
  return compileSimpleRead(s, expr, keep) ?? compileGeneral(s, expr, keep);
}

function compileGeneral(s: FunctionScope, expr: Access, keep: boolean): Exec {
  const chain = buildChain(s, expr);
  const { root, links } = chain;
  if (links.length === 1 && links[0]!.kind === "method") {
    const { method, optional } = links[0]!;
    const push = compilePush(s, expr, (f, value) => method.callOn(root, root.read(f), [value], f));
    return push ?? compileSingleMethod(chain, method, optional);
  }
  return (f) => {
    const { values, start } = begin(chain, f);
    const walk = new Walk(chain, values, f, null);
    const result = walk.step(0, start, false);
    if (walk.replaced !== start) root.write(f, walk.replaced);
    return keep ? share(result) : result;
  };
}

/** Evaluates the values and the root, in the chain's order. */
export function begin(chain: Chain, f: Frame): { readonly values: readonly Value[]; readonly start: Value } {
  const { root, values: execs } = chain;
  const early = !root.isPlace && chain.rootFirst ? root.read(f) : undefined;
  const values: Value[] = [];
  for (let i = 0; i < execs.length; i++) values.push(execs[i]!(f));
  return { values, start: !root.isPlace && chain.rootFirst ? early : root.read(f) };
}

/** One method on a variable or temporary: the most common chain. */
function compileSingleMethod(chain: Chain, method: MethodLink, optional: boolean): Exec {
  const { root, values: execs, rootFirst } = chain;
  const early = !root.isPlace && rootFirst;
  return (f) => {
    let start = early ? root.read(f) : undefined;
    const args: Value[] = [];
    for (let i = 0; i < execs.length; i++) args.push(execs[i]!(f));
    if (!early) start = root.read(f);
    if (optional && start === undefined) return undefined;
    if (!root.isPlace) return method.call(start, args, false, false, null, f);
    return method.callOn(root, start, args, f);
  };
}

/** What the last link of a chain does instead of reading. */
export interface Leaf {
  /** Receives the current value (null when it need not be read) and gives the new one. */
  readonly needsCurrent: boolean;
  /** Where a stored value of the wrong type is reported. */
  readonly valueSite: Site;
  update(current: Value, shared: boolean): Value;
}

/**
 * A walk along a chain. Every step returns its result and leaves in `replaced` what its target has become: the same
 * object when nothing changed or the change was made in place.
 */
export class Walk {
  replaced: Value;
  private readonly chain: Chain;
  private readonly values: readonly Value[];
  private readonly f: Frame;
  private readonly leaf: Leaf | null;
  private readonly isConstant: boolean;

  constructor(chain: Chain, values: readonly Value[], f: Frame, leaf: Leaf | null) {
    this.chain = chain;
    this.values = values;
    this.f = f;
    this.leaf = leaf;
    this.isConstant = chain.root.isPlace && chain.root.isConstant(f);
  }

  step(i: number, target: Value, shared: boolean, isTemporary = false): Value {
    const { links, root } = this.chain;
    const link = links[i]!;
    const isLast = i === links.length - 1;
    if (link.optional && target === undefined) {
      this.replaced = target;
      return undefined;
    }
    if (link.kind === "method") {
      const args = this.values.slice(link.at, link.at + link.method.arity);
      const isConstant = this.isConstant && !isTemporary;
      const cell = i === 0 ? root.cell(this.f) : null;
      const result = link.method.call(target, args, isConstant, shared, cell, this.f);
      const own = link.method.receiver;
      if (isLast) {
        this.replaced = own;
        return result;
      }
      const rest = this.step(i + 1, result, false, true);
      this.replaced = own;
      return rest;
    }
    if (isLast) {
      if (this.leaf !== null) return this.change(link, target, shared);
      this.replaced = target;
      return this.read(link, target);
    }
    const child = this.read(link, target);
    const nested = shared || isShared(target);
    const result = this.step(i + 1, child, nested, isTemporary);
    if (this.replaced !== child) {
      if (this.isConstant && !isTemporary) this.replaced = target;
      else this.replaced = this.write(link, target, this.replaced, shared);
    } else this.replaced = target;
    return result;
  }

  private change(link: Link, target: Value, shared: boolean): Value {
    const leaf = this.leaf!;
    const current = leaf.needsCurrent ? this.read(link, target) : undefined;
    const value = leaf.update(current, shared || isShared(target));
    this.replaced =
      leaf.needsCurrent && value === current && typeof value === "object" && !shared && !isShared(target)
        ? target
        : this.write(link, target, value, shared);
    return undefined;
  }

  private read(link: Link, target: Value): Value {
    try {
      if (link.kind === "property") return getProperty(target, link.name);
      return getIndex(target, this.values[(link as { at: number }).at]);
    } catch (error) {
      throw located(error, this.siteOf(link, error));
    }
  }

  private write(link: Link, target: Value, value: Value, shared: boolean): Value {
    try {
      if (link.kind === "property") return setProperty(target, link.name, value, shared);
      return setIndex(target, this.values[(link as { at: number }).at], value, shared);
    } catch (error) {
      throw located(error, this.siteOf(link, error));
    }
  }

  private siteOf(link: Link, error: unknown): Site {
    if (link.kind === "property") return link.site;
    const { kind, text } = error as { kind?: string; text?: string };
    if (this.leaf !== null && kind === "ErrorMismatchDataType" && /expecting (?:bool|integer|INT|char)\)/.test(text!)) {
      return this.leaf.valueSite;
    }
    return indexErrorSite(link as Extract<Link, { kind: "index" }>, error);
  }
}

function isShared(value: Value): boolean {
  return typeof value === "object" && "shared" in value && value.shared;
}

/** "Indexer unavailable" is at the bracket, everything else at the index. */
function indexErrorSite(link: { readonly site: Site; readonly bracket: Site }, error: unknown): Site {
  const kind = (error as { kind?: string }).kind;
  return kind === "ErrorIndexingType" ? link.bracket : link.site;
}

/** Reads without methods along plain indices and properties, each a closure around the one before. */
function compileSimpleRead(s: FunctionScope, expr: Access, keep: boolean): Exec | null {
  if (s.isDynamic) return null;
  const exec = simpleRead(s, expr);
  if (exec === null || !keep) return exec;
  return (f) => {
    const value = exec(f);
    return typeof value === "object" ? share(value) : value;
  };
}

function simpleRead(s: FunctionScope, outer: Expr): Exec | null {
  const expr = unparen(outer);
  if (expr.kind === "Variable") {
    if (expr.path.length === 0 && s.find(expr.name) === null) return null;
    return compileBorrowed(s, expr);
  }
  if (expr.kind === "This") return compileBorrowed(s, expr);
  if (expr.kind === "Member" && !expr.optional) {
    const object = simpleRead(s, expr.object);
    return object === null ? null : propertyRead(object, expr.name, s.site(expr.pos, expr.end));
  }
  if (expr.kind === "Index" && !expr.optional) {
    if (unparen(expr.object).kind !== "Variable" && !isHarmless(s, expr.index)) return null;
    const object = simpleRead(s, expr.object);
    if (object === null) return null;
    const site = s.site(startOffset(expr.index), expr.index.end);
    const bracket = s.site(expr.pos, expr.pos + 1);
    const slot = localSlot(s, expr.object);
    const indexSlot = localSlot(s, expr.index);
    if (indexSlot >= 0) {
      return (
        indexOfIndex(s, expr, indexSlot, { site, bracket }) ?? indexRead(object, slot, indexSlot, { site, bracket })
      );
    }
    return slot >= 0 && !isHarmless(s, expr.index)
      ? indexReadLate(slot, compileBorrowed(s, expr.index), { site, bracket })
      : generalIndexRead(object, compileBorrowed(s, expr.index), { site, bracket }, !isHarmless(s, expr.index));
  }
  return null;
}

/** An index that cannot raise or change anything, so that the order of evaluation does not matter. */
function isHarmless(s: FunctionScope, index: Expr): boolean {
  return localSlot(s, index) >= 0 || constantOf(s, index) !== null || unparen(index).kind === "Literal";
}

interface IndexSites {
  readonly site: Site;
  readonly bracket: Site;
}

function slowIndex(target: Value, index: Value, sites: IndexSites): Value {
  try {
    return getIndex(target, index);
  } catch (error) {
    throw located(error, indexErrorSite(sites, error));
  }
}

function indexRead(object: Exec, slot: number, indexSlot: number, sites: IndexSites): Exec {
  if (slot >= 0) {
    return (f) => {
      const target = f[slot];
      const index = f[indexSlot];
      if (target instanceof RhaiArray && typeof index === "number") {
        const { items } = target;
        if (index >= 0 && index < items.length) return items[index];
      }
      return slowIndex(target, index, sites);
    };
  }
  return (f) => {
    const target = object(f);
    const index = f[indexSlot];
    if (target instanceof RhaiArray && typeof index === "number") {
      const { items } = target;
      if (index >= 0 && index < items.length) return items[index];
    }
    return slowIndex(target, index, sites);
  };
}

/** `v[i][k]` with plain local variables: the walk over a table. Null for other shapes. */
function indexOfIndex(s: FunctionScope, outer: Index, columnSlot: number, sites: IndexSites): Exec | null {
  const inner = unparen(outer.object);
  if (inner.kind !== "Index" || inner.optional) return null;
  const slot = localSlot(s, inner.object);
  const rowSlot = localSlot(s, inner.index);
  if (slot < 0 || rowSlot < 0) return null;
  const rowSites = {
    site: s.site(startOffset(inner.index), inner.index.end),
    bracket: s.site(inner.pos, inner.pos + 1),
  };
  return (f) => {
    const table = f[slot];
    const row = f[rowSlot];
    const column = f[columnSlot];
    if (table instanceof RhaiArray && typeof row === "number" && typeof column === "number") {
      const rows = table.items;
      if (row >= 0 && row < rows.length) {
        const cells = rows[row];
        if (cells instanceof RhaiArray) {
          const { items } = cells;
          if (column >= 0 && column < items.length) return items[column];
        }
      }
    }
    return slowIndex(slowIndex(table, row, rowSites), column, sites);
  };
}

function indexReadLate(slot: number, indexExec: Exec, sites: IndexSites): Exec {
  return (f) => {
    const index = indexExec(f);
    const target = f[slot];
    if (target instanceof RhaiArray && typeof index === "number") {
      const { items } = target;
      if (index >= 0 && index < items.length) return items[index];
    }
    return slowIndex(target, index, sites);
  };
}

function generalIndexRead(object: Exec, indexExec: Exec, sites: IndexSites, indexFirst: boolean): Exec {
  return (f) => {
    let target = indexFirst ? undefined : object(f);
    const index = indexExec(f);
    if (indexFirst) target = object(f);
    return slowIndex(target, index, sites);
  };
}

/** Maps made by the same literal share their shape: the position of the key is remembered for the last one seen. */
function propertyRead(object: Exec, name: string, site: Site): Exec {
  let shape: Shape | null = null;
  let at = -1;
  return (f) => {
    const target = object(f);
    if (target instanceof RhaiMap) {
      const own = target.shape;
      if (own !== null) {
        if (own === shape) return at < 0 ? undefined : target.values[at];
        shape = own;
        at = own.find(name);
        return at < 0 ? undefined : target.values[at];
      }
      return target.dictionary!.get(name);
    }
    try {
      return getProperty(target, name);
    } catch (error) {
      throw located(error, site);
    }
  };
}
