import type { RhaiError } from "../errors/rhai-error.ts";
import { functionNotFound } from "../errors/throwing.ts";
import { Effect, type Native, signatureKey } from "../host/natives.ts";
import { type Site, vm } from "../run/vm.ts";
import { Tagged, untag } from "../values/tagged.ts";
import type { Value } from "../values/value.ts";
import { located, UNBOUND } from "./exec.ts";
import { hintFor } from "./hints.ts";
import { invoke } from "./invoke.ts";
import type { Unit } from "./unit.ts";

/** Calls whatever function has that name and fits: script functions first, then native ones. */
export function callByName(unit: Unit, name: string, args: readonly Value[], site: Site, nativesOnly = false): Value {
  if (!nativesOnly) {
    const own = unit.find(name, args.length) ?? vm.run.main.unit.find(name, args.length);
    if (own !== undefined) return invoke(own, args, UNBOUND, site);
  }
  const native = findNative(name, args);
  if (native === null) throw notFound(unit, name, args, site);
  return callNative(native, args, site);
}

/** The native function for these arguments; values with a tag count as what they carry. */
export function findNative(name: string, args: readonly Value[]): Native | null {
  const { natives } = vm.run;
  const native = natives.find(name, args, signatureKey(args));
  if (native !== null || !args.some((arg) => arg instanceof Tagged)) return native;
  return natives.find(name, args.map(untag));
}

/** The error of a call that nothing fits, with a hint about what would. */
export function notFound(unit: Unit, name: string, args: readonly Value[], site: Site): RhaiError {
  const error = functionNotFound(name, args).at(site.source, site.start, site.end);
  const { natives } = vm.run;
  error.hint = () => hintFor(unit, natives, name, args);
  return error;
}

export function callNative(native: Native, args: readonly Value[], site: Site): Value {
  const outer = vm.site;
  vm.site = site;
  try {
    const { impl } = native;
    if (native.effect >= Effect.Replaces) vm.receiver = args[0];
    switch (args.length) {
      case 0:
        return impl();
      case 1:
        return impl(takes(args[0], native, 0));
      case 2:
        return impl(takes(args[0], native, 0), takes(args[1], native, 1));
      case 3:
        return impl(takes(args[0], native, 0), takes(args[1], native, 1), takes(args[2], native, 2));
      default:
        return impl(...args.map((arg, i) => takes(arg, native, i)));
    }
  } catch (error) {
    throw located(error, site);
  } finally {
    vm.site = outer;
  }
}

/** Tags are only seen by functions that ask for any value. */
function takes(arg: Value, native: Native, i: number): Value {
  return arg instanceof Tagged && native.params[i] !== -1 ? arg.value : arg;
}
