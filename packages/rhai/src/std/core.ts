import { Exit } from "../compile/exec.ts";
import type { ScriptFunction } from "../compile/unit.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { arithmetic } from "../errors/throwing.ts";
import { vm } from "../run/vm.ts";
import { debug, display } from "../text/format.ts";
import { RhaiArray } from "../values/array.ts";
import { Blob } from "../values/blob.ts";
import { Float } from "../values/float.ts";
import type { Int } from "../values/int.ts";
import { RhaiMap } from "../values/map.ts";
import { Tagged, untag } from "../values/tagged.ts";
import type { Value } from "../values/value.ts";
import type { Library } from "./library.ts";

/** Printing, conversion to text, `exit`, `take`, `tag`, reflection (spec 15.1). */
export function addCore(library: Library): void {
  library
    .fn("print", "() *", (value?: Value) => {
      vm.run.print(display(value));
      return undefined;
    })
    .fn("debug", "*", (value: Value) => printDebug(debug(value)))
    .fn("debug", "()", () => printDebug(""))
    .fn("to_string", "*", (value: Value) => display(value), "Text of a value, as `print` shows it.")
    .fn("to_debug", "*", (value: Value) => debug(value), "Text of a value for debugging.")
    .fn("exit", "() *", (value?: Value) => {
      throw new Exit(value);
    })
    .replacer("take", "*", (value: Value) => {
      vm.receiver = undefined;
      return value;
    })
    .fn("sleep", "i f", (seconds: Int | Float) => {
      const n = seconds instanceof Float ? seconds.n : Number(seconds);
      if (n > 0 && Number.isFinite(n)) vm.run.sleep(n);
      return undefined;
    })
    .property("tag", "*", (value: Value) => tagOfUser(value))
    .replacer("set_tag", "*i", (value: Value, tag: Int) => {
      vm.receiver = withTag(value, tag);
      return undefined;
    })
    .fn("get_fn_metadata_list", "() s si", (name?: string, arity?: Int) => metadata(name, arity));
  library.natives.registerSetter("tag", -1 as never, -1, (self, value) => {
    if (typeof value !== "number" && typeof value !== "bigint") {
      throw new RhaiError(
        "ErrorDotExpr",
        `No writable property 'tag' - a setter is not registered for type to handle it`,
      );
    }
    return withTag(self, value);
  });
}

function printDebug(text: string): Value {
  const { site } = vm;
  vm.run.debug(text, site === null ? "" : site.source.name, site === null ? null : site.source.position(site.start));
  return undefined;
}

function tagOfUser(value: Value): Int {
  if (value instanceof Tagged || value instanceof RhaiArray || value instanceof RhaiMap || value instanceof Blob)
    return value.userTag;
  return 0;
}

function withTag(value: Value, tag: Int): Value {
  if (tag > 2147483647 || tag < -2147483648) {
    const size = tag > 0 ? "large" : "small";
    throw arithmetic(`${tag} is too ${size} to fit into a tag (must be between -2147483648 and 2147483647)`);
  }
  const plain = untag(value);
  if (plain instanceof RhaiArray || plain instanceof RhaiMap || plain instanceof Blob) {
    plain.userTag = Number(tag);
    return plain;
  }
  return new Tagged(plain, Number(tag));
}

function metadata(name?: string, arity?: Int): Value {
  const { unit } = vm.run.main;
  const listed = unit.all.filter(
    (fn) =>
      fn.node.kind === "Function" &&
      (name === undefined || fn.name === name) &&
      (arity === undefined || fn.arity === Number(arity)),
  );
  return new RhaiArray(listed.map(describe));
}

function describe(fn: ScriptFunction): Value {
  const map = new RhaiMap(null, []);
  map.set("name", fn.name);
  map.set("access", fn.isPrivate ? "private" : "public");
  map.set("is_anonymous", fn.name.startsWith("anon$"));
  map.set("params", new RhaiArray([...fn.params]));
  if (fn.thisType !== null) map.set("this_type", fn.thisType);
  return map;
}
