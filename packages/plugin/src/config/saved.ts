import { parseExact } from "../values/exact-json.ts";
import type { ConfigFile, PluginConfig } from "./model.ts";

/** The config as it was at its last evaluation. */
export interface SavedConfig {
  readonly config: PluginConfig;
  /** Of the plugin whose config it is; empty when that was not recorded. */
  readonly digest: string;
}

export interface PlainConfig extends Omit<PluginConfig, "config_files"> {
  readonly config_files: readonly (Omit<ConfigFile, "params"> & { readonly params: unknown })[] | null;
}

const VERSION = 1;

/** `plugin_config()` as JSON text in its persisted form (spec plugin-api.md §3.6), with the digest of its plugin. */
export function savedConfigText(config: PluginConfig, digest: string): string {
  return JSON.stringify({ v: VERSION, digest, ...plainConfig(config) });
}

/** A config whose template parameters are values again; `JSON.stringify` writes their numbers as the script has them. */
export function plainConfig(config: PluginConfig): PlainConfig {
  const files = config.config_files?.map((file) => ({ ...file, params: parseExact(file.params) }));
  return { ...config, config_files: files ?? null };
}

/** Undefined for anything but a config, and for one of a newer version: it has to be evaluated again. */
export function parseSavedConfig(text: string): SavedConfig | undefined {
  try {
    const { v = VERSION, digest = "", ...config } = parseExact(text) as Stored;
    if (v !== VERSION || !Array.isArray(config.services)) return undefined;
    const files = config.config_files?.map((file) => ({ ...file, params: JSON.stringify(file.params) }));
    return { config: { ...config, config_files: files ?? null }, digest };
  } catch {
    return undefined;
  }
}

/** Written by us alone; a file that is damaged does not parse. */
type Stored = PluginConfig & { readonly v?: number; readonly digest?: string };
