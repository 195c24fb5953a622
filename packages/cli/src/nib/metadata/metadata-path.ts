import { existsSync } from "node:fs";
import { join } from "node:path";

const metadataFile = "babel.yaml";

/**
 * The babel.yaml of a command that may be given a plugin's directory: the one that was named, or whose directory was; that of this directory, that
 * beside the plugin. Without any: the default, which is then missing.
 */
export function metadataPath({ path, pluginDir }: { readonly path?: string; readonly pluginDir?: string }): string {
  if (path !== undefined && existsSync(join(path, metadataFile))) return join(path, metadataFile);
  if (path !== undefined || pluginDir === undefined || existsSync(metadataFile)) return path ?? metadataFile;
  const beside = join(pluginDir, metadataFile);
  return existsSync(beside) ? beside : metadataFile;
}
