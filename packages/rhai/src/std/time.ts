import { arithmetic } from "../errors/throwing.ts";
import { secondsBetween } from "../ops/time.ts";
import { vm } from "../run/vm.ts";
import { Float } from "../values/float.ts";
import type { FnPtr } from "../values/fn-pointer.ts";
import { Timestamp } from "../values/timestamp.ts";
import type { Library } from "./library.ts";

/** Timestamps and function pointers (spec 15.11, 15.12). */
export function addTime(library: Library): void {
  library
    .fn("timestamp", "()", () => new Timestamp(vm.run.now()))
    .property("elapsed", "t", (from: Timestamp) => {
      const now = vm.run.now();
      if (from.nanos > now) throw arithmetic("Time-stamp is later than now");
      return new Float(secondsBetween(from, new Timestamp(now)));
    })
    .property("name", "F", (fn: FnPtr) => fn.name)
    .property("is_anonymous", "F", (fn: FnPtr) => fn.isAnonymous);
}
