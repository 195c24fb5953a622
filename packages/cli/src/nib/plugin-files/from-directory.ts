import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import type { PluginFiles } from "@blockvisor/plugin";
import { Failure, reason } from "../../failure/failure.ts";

/** No plugin is larger; a directory that is was named by mistake. */
const mostFiles = 1000;
const mostBytes = 16 << 20;

/** Tests of a plugin lie beside it and are no part of it. */
const testFile = /^tests\//;

/** The files of a plugin in its directory; tests/ is left out. Error: there is no main.rhai. */
export function pluginFilesFromDirectory(directory: string): PluginFiles {
  const all = Object.entries(rhaiFiles(directory));
  const files = Object.fromEntries(all.filter(([file]) => !testFile.test(file)));
  if (files["main.rhai"] !== undefined) return files;
  throw new Failure("file-unreadable", `${directory} has no main.rhai`, {
    hint: "--plugin-dir names the directory that main.rhai is in",
  });
}

/** Whether a folder is below a directory, and no part of the way to it is a link. */
export function isFolderIn(directory: string, folder: string): boolean {
  const parts = folder.split("/");
  try {
    return parts.every((_, index) => lstatSync(join(directory, ...parts.slice(0, index + 1))).isDirectory());
  } catch {
    return false;
  }
}

/**
 * The `*.rhai` files of a directory, its sub-directories too. Links are left alone: the directory may be one of a running
 * node, where a container decides what they point to.
 */
export function rhaiFiles(directory: string): PluginFiles {
  const files: Record<string, string> = {};
  let bytes = 0;
  const visit = (path: string) => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const child = join(path, entry.name);
      if (entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules") visit(child);
      if (!entry.isFile() || !entry.name.endsWith(".rhai")) continue;
      bytes += lstatSync(child).size;
      if (Object.keys(files).length >= mostFiles || bytes > mostBytes)
        throw new Error("it has too many or too large files");
      files[relative(directory, child).split(sep).join("/")] = readFileSync(child, "utf8");
    }
  };
  try {
    visit(directory);
  } catch (error) {
    throw new Failure("file-unreadable", `cannot read the plugin directory ${directory}`, { causes: [reason(error)] });
  }
  return files;
}
