import { UNBOUND } from "../compile/exec.ts";
import { callPointer } from "../compile/invoke.ts";
import type { Position } from "../errors/position.ts";
import type { RhaiError } from "../errors/rhai-error.ts";
import { thrown } from "../errors/throwing.ts";
import type { CallContext, NativeFn } from "../host/native.ts";
import type { NativeImpl } from "../host/natives.ts";
import { type Site, vm } from "../run/vm.ts";
import type { FnPtr } from "../values/fn-pointer.ts";
import type { Value } from "../values/value.ts";

/** What a host function learns about its call; only looked up when asked for. */
class HostCall implements CallContext {
  readonly name: string;
  private readonly site: Site | null;

  constructor(name: string, site: Site | null) {
    this.name = name;
    this.site = site;
  }

  get position(): Position | null {
    return this.site === null ? null : this.site.source.position(this.site.start);
  }

  get source(): string {
    return this.site?.source.name ?? "";
  }

  callFnPtr(fn: FnPtr, args: readonly Value[]): Value {
    return callPointer(fn, args, UNBOUND, this.site);
  }

  setReceiver(value: Value): void {
    vm.receiver = value;
  }

  error(value: Value): RhaiError {
    return thrown(value);
  }
}

/** A host function in the form the machine calls. */
export function adapt(name: string, fn: NativeFn): NativeImpl {
  return (...args: Value[]) => fn(new HostCall(name, vm.site), ...args);
}
