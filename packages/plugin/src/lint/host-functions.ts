import type { HostMethod, HostObject, HostType, RegisteredType } from "@blockvisor/rhai";
import { registerBindings } from "../bindings/register.ts";
import type { BindingTarget } from "../bindings/target.ts";

let known: Readonly<Record<string, readonly number[]>> | undefined;

/** Engine functions and the numbers of arguments they take; a method counts its receiver. Taken from the bindings themselves. */
export function hostFunctions(): Readonly<Record<string, readonly number[]>> {
  known ??= collect();
  return known;
}

function collect(): Record<string, readonly number[]> {
  const arities: Record<string, number[]> = {};
  const add = (name: string, arity: number): void => {
    (arities[name] ??= []).push(arity);
  };
  const target: BindingTarget = {
    registerFn(name, params) {
      add(name, params.length);
      return target as never;
    },
    registerType<T extends object>(name: string, type: HostType<T>): RegisteredType<T> {
      for (const [method, overloads] of Object.entries(type.methods ?? {})) {
        for (const { params } of [overloads].flat() as HostMethod<T>[]) add(method, params.length + 1);
      }
      return { name, tag: -1, wrap: () => never<HostObject>(), unwrap: () => null };
    },
  };
  registerBindings(target, {
    call: () => never(),
    failureCode: () => never(),
    now: () => never(),
    sleep: () => never(),
  });
  return arities;
}

function never<T>(): T {
  throw new Error("nothing is called while functions are listed");
}
