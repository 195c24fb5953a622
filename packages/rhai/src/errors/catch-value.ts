import { RhaiArray } from "../values/array.ts";
import { RhaiMap } from "../values/map.ts";
import type { Value } from "../values/value.ts";
import type { RhaiError } from "./rhai-error.ts";

/** What `catch (e)` binds: the thrown value, or a map that describes the error (spec 12). */
export function catchValue(error: RhaiError): Value {
  const { root } = error;
  if (root.kind === "ErrorRuntime") return root.value;
  const map = new RhaiMap(null, []);
  map.set("error", error.kind);
  map.set("message", error.unpositioned);
  const { source } = error;
  if (source !== "") map.set("source", source);
  const position = error.shownPosition;
  if (position !== null) {
    map.set("line", position.line);
    map.set("position", position.column);
  }
  for (const [key, value] of Object.entries(error.dump)) map.set(key, value);
  return map;
}

/** The open calls as an array of maps, for hosts that want to show them. */
function stackValue(error: RhaiError): RhaiArray {
  return new RhaiArray(
    error.callChain.map((frame) => {
      const map = new RhaiMap(null, []);
      map.set("function", frame.name ?? frame.module ?? "");
      map.set("source", frame.source);
      if (frame.position !== null) {
        map.set("line", frame.position.line);
        map.set("position", frame.position.column);
      }
      return map;
    }),
  );
}
