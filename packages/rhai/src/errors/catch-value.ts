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
