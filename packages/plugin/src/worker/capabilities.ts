import type { PluginFunction } from "../plugin.ts";

/**
 * What can be called from outside: public functions with at most one parameter, sorted, once each; `init` and `upload` also when
 * `plugin_config()` brings the default ones (spec plugin-api.md §1.7, "Do better").
 */
export function capabilitiesOf(functions: readonly PluginFunction[]): string[] {
  const names = new Set(functions.filter((fn) => !fn.private && fn.params.length <= 1).map((fn) => fn.name));
  if (functions.some((fn) => fn.name === "plugin_config" && fn.params.length === 0)) names.add("init").add("upload");
  return [...names].sort();
}
