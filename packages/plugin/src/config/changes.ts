import { isDeepStrictEqual } from "node:util";
import type { PluginConfig } from "./model.ts";
import { plainConfig } from "./saved.ts";

/**
 * What one evaluation of a config says otherwise than another, a line for each: `services[reth].run_sh changed`. Jobs and tasks are told by their
 * names, wherever they are in their lists.
 */
export function configChanges(before: PluginConfig, after: PluginConfig): readonly string[] {
  return changesAt("", plainConfig(before), plainConfig(after));
}

function changesAt(path: string, before: unknown, after: unknown): string[] {
  // A config that was stored before there was a field has none, which is as good as null.
  if (isDeepStrictEqual(before ?? null, after ?? null)) return [];
  const [old, now] = [partsOf(before), partsOf(after)];
  if (old === undefined || now === undefined) return [`${path} ${wordFor(before, after)}`];
  const keys = [...new Set([...old.keys(), ...now.keys()])];
  const changes = keys.flatMap((key) => changesAt(`${path}${key}`, old.get(key), now.get(key)));
  return changes.length > 0 ? changes.map((change) => change.replace(/^\./, "")) : [`${path} in another order`];
}

function wordFor(before: unknown, after: unknown): string {
  if (before === undefined || before === null) return "added";
  return after === undefined || after === null ? "removed" : "changed";
}

/** Of a MAP its fields, of a list its elements if each has a name of its own; undefined for what is compared as a whole. */
function partsOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (Array.isArray(value)) {
    const named = value.map((item: unknown) => [`[${nameOf(item)}]`, item] as const);
    const parts = new Map(named);
    return parts.size === value.length && !parts.has("[undefined]") ? parts : undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  return new Map(Object.entries(value).map(([key, field]) => [`.${key}`, field]));
}

function nameOf(item: unknown): string | undefined {
  if (typeof item !== "object" || item === null) return undefined;
  const { name, destination } = item as { readonly name?: string; readonly destination?: string };
  return name ?? destination;
}
