import { posix } from "node:path";
import type { ModuleResolver } from "@blockvisor/rhai";
import type { PluginFiles } from "../plugin.ts";

/**
 * `import "sub/x"` names `sub/x.rhai` of the plugin directory, whoever imports it. Absolute paths and paths that leave the directory name
 * nothing: the script runs with the rights of the host (spec plugin-api.md §1.4).
 */
export function importResolver(files: PluginFiles): ModuleResolver {
  return {
    resolve(path) {
      const id = importedFile(path);
      const text = id !== undefined && Object.hasOwn(files, id) ? files[id] : undefined;
      return id === undefined || text === undefined ? null : { id, text };
    },
  };
}

/** The file an import names, or undefined when it may not name one. */
export function importedFile(path: string): string | undefined {
  if (path.startsWith("/") || path.includes("\0")) return undefined;
  const { dir, name } = posix.parse(posix.normalize(path));
  const file = posix.join(dir, `${name}.rhai`);
  return name === "" || file.startsWith("../") ? undefined : file;
}
