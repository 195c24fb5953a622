import { isOperationError } from "@blockvisor/image/container";
import type { PluginFiles } from "@blockvisor/plugin";
import { HostError } from "../errors/host-error.ts";
import { listRootedDirectory, readRootedFile } from "../rootfs/index.ts";

/** Where images keep their plugin (spec plugin-api §1.1). */
const pluginDirectory = "/var/lib/babel/plugin";

const limits = { files: 512, entries: 10_000, depth: 8, fileBytes: 4_000_000, totalBytes: 16_000_000 } as const;

/**
 * The `*.rhai` files of a plugin, read out of a root file system: the image's, or that of a node in dev mode. Whatever made it: no link is followed,
 * only regular files are read, and everything is bounded (spec host-daemon S3, S6).
 */
export async function readPluginFiles(rootfs: string): Promise<PluginFiles> {
  const files: Record<string, string> = {};
  const budget = { entries: 0, bytes: 0 };
  try {
    await collect(rootfs, "", 0, files, budget);
  } catch (error) {
    if (!isOperationError(error)) throw error;
    throw new HostError("plugin_error", `Rhai syntax error: Cannot open plugin directory: ${error.message}`, {
      hint: `the image must have ${pluginDirectory}/main.rhai, with real directories and files all the way`,
      cause: error,
    });
  }
  if (files["main.rhai"] === undefined) {
    const message = `Rhai syntax error: Cannot open script file '${pluginDirectory}/main.rhai': No such file or directory`;
    throw new HostError("plugin_error", message, { hint: `copy main.rhai into the image at ${pluginDirectory}/` });
  }
  return files;
}

async function collect(
  rootfs: string,
  prefix: string,
  depth: number,
  files: Record<string, string>,
  budget: { entries: number; bytes: number },
): Promise<void> {
  if (depth > limits.depth) throw tooMuch(`directories nested deeper than ${limits.depth}`);
  const here = `${pluginDirectory}/${prefix}`;
  for (const { name, kind } of await listRootedDirectory(rootfs, here, { maxEntries: limits.entries })) {
    budget.entries += 1;
    if (budget.entries > limits.entries) throw tooMuch(`more than ${limits.entries} entries`);
    if (kind === "directory") {
      await collect(rootfs, `${prefix}${name}/`, depth + 1, files, budget);
    } else if (kind === "file" && name.endsWith(".rhai")) {
      const content = await readRootedFile(rootfs, `${here}${name}`, { maxBytes: limits.fileBytes });
      budget.bytes += content.length;
      if (budget.bytes > limits.totalBytes) throw tooMuch(`more than ${limits.totalBytes} bytes of scripts`);
      files[`${prefix}${name}`] = content.toString("utf8");
      if (Object.keys(files).length > limits.files) throw tooMuch(`more than ${limits.files} scripts`);
    }
  }
}

function tooMuch(what: string): HostError {
  return new HostError("plugin_error", `the image's plugin directory is not acceptable: ${what}`, {
    hint: `keep only the plugin's own *.rhai files in ${pluginDirectory}/`,
  });
}
