import type { MethodCall } from "../ast/node.ts";
import { mismatch, nonPure } from "../errors/throwing.ts";
import { Effect, type Native, type SignatureKey, signatureKey } from "../host/natives.ts";
import { type Site, vm } from "../run/vm.ts";
import { RhaiArray } from "../values/array.ts";
import { Blob } from "../values/blob.ts";
import type { Cell } from "../values/cell.ts";
import { share, unshare } from "../values/copy.ts";
import { FnPtr } from "../values/fn-pointer.ts";
import { HostObject } from "../values/host-object.ts";
import { RhaiMap } from "../values/map.ts";
import { Tagged, untag } from "../values/tagged.ts";
import { typeNameOf } from "../values/type-name.ts";
import { tagOf, type Value } from "../values/value.ts";
import { callNative, findNative, notFound } from "./call-by-name.ts";
import { type Frame, failAt, located, UNBOUND } from "./exec.ts";
import type { FunctionScope } from "./function-scope.ts";
import { callPointer, invoke } from "./invoke.ts";
import type { Root } from "./places.ts";
import type { ScriptFunction, Unit } from "./unit.ts";

/** A method call `x.name(args)` (spec 5.5): who answers it is decided per receiver and remembered per types. */
export class MethodLink {
  readonly arity: number;
  /** What the receiver of the last call has become. */
  receiver: Value = undefined;
  private readonly name: string;
  private readonly site: Site;
  private readonly unit: Unit;
  private readonly argSites: readonly Site[];
  private readonly typed: readonly ScriptFunction[] | undefined;
  private readonly untyped: ScriptFunction | undefined;
  private readonly isPseudo: boolean;
  private key: SignatureKey = -1;
  private native: Native | null = null;
  private run: unknown = null;

  constructor(s: FunctionScope, node: MethodCall) {
    this.name = node.name;
    this.arity = node.args.length;
    this.unit = s.unit;
    this.site = s.site(node.pos, node.nameEnd);
    this.argSites = node.args.map((arg) => s.site(arg.start, arg.end));
    this.typed = s.unit.findMethods(node.name, node.args.length);
    this.untyped = s.unit.find(node.name, node.args.length);
    this.isPseudo = ["call", "curry", "is_shared", "type_of"].includes(node.name);
  }

  /** Calls the method on a variable, which sees what becomes of the receiver. */
  callOn(root: Root, target: Value, args: readonly Value[], f: Frame): Value {
    const isConstant = root.isConstant(f);
    const result = this.call(target, args, isConstant, false, root.cell(f), f);
    if (this.receiver !== target && !root.isLiteral) root.write(f, this.receiver);
    return result;
  }

  /**
   * Calls the method. `shared` says that something above the receiver is held elsewhere too, so that the receiver must
   * not be changed in place. `receiver` then holds what the receiver has become.
   */
  call(
    target: Value,
    args: readonly Value[],
    isConstant: boolean,
    shared: boolean,
    cell: Cell | null,
    f: Frame,
  ): Value {
    this.receiver = target;
    if (this.isPseudo) {
      const result = this.callPseudo(target, args, shared, cell);
      if (result !== NOT_PSEUDO) return result;
    }
    if (target instanceof RhaiMap) {
      const member = target.get(this.name);
      if (member instanceof FnPtr) return this.callMember(member, target, args, shared, cell);
    }
    if (this.typed !== undefined) {
      const typeName = typeNameOf(target);
      const fn = this.typed.find((candidate) => candidate.thisType === typeName);
      if (fn !== undefined) return this.callScript(fn, target, args, shared, cell);
    }
    if (this.untyped !== undefined) return this.callScript(this.untyped, target, args, shared, cell);
    if (this.unit !== vm.run.main.unit) {
      const fn = this.fromMain(target);
      if (fn !== undefined) return this.callScript(fn, target, args, shared, cell);
    }
    return this.callNative(target, args, isConstant, shared, cell, f);
  }

  private fromMain(target: Value): ScriptFunction | undefined {
    const { unit } = vm.run.main;
    const typeName = typeNameOf(target);
    const typed = unit.findMethods(this.name, this.arity)?.find((candidate) => candidate.thisType === typeName);
    return typed ?? unit.find(this.name, this.arity);
  }

  private callNative(
    target: Value,
    args: readonly Value[],
    isConstant: boolean,
    shared: boolean,
    cell: Cell | null,
    _f: Frame,
  ): Value {
    const key = methodKey(target, args);
    let { native } = this;
    if (key !== this.key || native === null || this.run !== vm.run) {
      native = findNative(this.name, [target, ...args]);
      if (native === null) throw notFound(this.unit, this.name, [target, ...args], this.site);
      this.native = native;
      this.key = key;
      this.run = vm.run;
    }
    const { effect } = native;
    if (effect === Effect.None)
      return cell?.shared === true ? this.locked(cell, native, target, args) : this.direct(native, target, args);
    const visits = effect === Effect.Visits;
    if (isConstant && !visits) throw failAt(nonPure(this.name), this.site);
    if (visits && shared) share(target);
    const own = visits ? target : writable(target, shared);
    this.receiver = own;
    const outer = vm.receiver;
    vm.receiver = own;
    const result = cell?.shared === true ? this.locked(cell, native, own, args) : this.direct(native, own, args);
    if (effect !== Effect.InPlace && !isConstant) this.receiver = vm.receiver;
    vm.receiver = outer;
    return result;
  }

  /** Calls a native function; the common numbers of arguments without building a list. */
  private direct(native: Native, target: Value, args: readonly Value[]): Value {
    if (args.length > 2 || target instanceof Tagged || args[0] instanceof Tagged || args[1] instanceof Tagged)
      return callNative(native, [target, ...args], this.site);
    const outer = vm.site;
    vm.site = this.site;
    try {
      const result =
        args.length === 0
          ? native.impl(target)
          : args.length === 1
            ? native.impl(target, args[0])
            : native.impl(target, args[0], args[1]);
      vm.site = outer;
      return result;
    } catch (error) {
      vm.site = outer;
      throw located(error, this.site);
    }
  }

  /** While a method runs on a captured variable, closures that touch the variable race with it. */
  private locked(cell: Cell, native: Native, target: Value, args: readonly Value[]): Value {
    if (!args.some((value) => value instanceof FnPtr)) return this.direct(native, target, args);
    cell.locked = true;
    try {
      return this.direct(native, target, args);
    } finally {
      cell.locked = false;
    }
  }

  private callScript(
    fn: ScriptFunction,
    target: Value,
    args: readonly Value[],
    shared: boolean,
    cell: Cell | null,
  ): Value {
    return this.bound(target, shared, cell, () => invoke(fn, args, target, this.site));
  }

  private callMember(
    member: FnPtr,
    target: RhaiMap,
    args: readonly Value[],
    shared: boolean,
    cell: Cell | null,
  ): Value {
    return this.bound(target, shared, cell, () => callPointer(member, args, target, this.site));
  }

  /** Runs a script method with the receiver as `this`; it is written back even when the method fails. */
  private bound(target: Value, shared: boolean, cell: Cell | null, run: () => Value): Value {
    if (shared) share(target);
    const { receiver } = vm;
    vm.receiver = target;
    const locks = cell?.shared === true;
    if (locks) cell.locked = true;
    try {
      return run();
    } finally {
      if (locks) {
        cell.locked = false;
        cell.value = vm.receiver;
      }
      this.receiver = vm.receiver === UNBOUND ? target : vm.receiver;
      vm.receiver = receiver;
    }
  }

  private callPseudo(target: Value, args: readonly Value[], shared: boolean, cell: Cell | null): Value {
    switch (this.name) {
      case "type_of":
        return args.length === 0 ? typeNameOf(target) : NOT_PSEUDO;
      case "is_shared":
        return args.length === 0 ? cell?.shared === true : NOT_PSEUDO;
      case "curry": {
        if (!(target instanceof FnPtr)) throw failAt(mismatch(typeNameOf(target), "Fn"), this.site);
        return new FnPtr(target.name, [...target.curried, ...args], target.link, target.home);
      }
      default: {
        if (target instanceof FnPtr) {
          if (cell?.shared !== true) return callPointer(target, args, UNBOUND, this.site);
          cell.locked = true;
          try {
            return callPointer(target, args, UNBOUND, this.site);
          } finally {
            cell.locked = false;
          }
        }
        const ptr = untag(args[0]);
        if (args.length === 0) return NOT_PSEUDO;
        // A type of the host may have a method of that name.
        if (
          target instanceof HostObject &&
          !(ptr instanceof FnPtr) &&
          findNative(this.name, [target, ...args]) !== null
        )
          return NOT_PSEUDO;
        if (!(ptr instanceof FnPtr)) throw failAt(mismatch(typeNameOf(ptr), "Fn"), this.argSites[0]!);
        return this.bound(target, shared, cell, () => callPointer(ptr, args.slice(1), target, this.site));
      }
    }
  }
}

const NOT_PSEUDO = UNBOUND;

function writable(target: Value, shared: boolean): Value {
  if (target instanceof RhaiArray || target instanceof RhaiMap || target instanceof Blob) {
    return shared || target.shared ? unshare(target) : target;
  }
  return target;
}

function methodKey(target: Value, args: readonly Value[]): SignatureKey {
  if (args.length === 0) return tagOf(target);
  if (args.length === 1) return tagOf(target) + 256 * tagOf(args[0]);
  return signatureKey([target, ...args]);
}
