import { constants } from "node:fs";
import { type FileHandle, open, readdir } from "node:fs/promises";
import type { PluginFiles } from "@blockvisor/plugin";
import { HostError } from "../errors/host-error.ts";

/** Where images keep their plugin (spec plugin-api §1.1). */
const pluginDirectory = ["var", "lib", "babel", "plugin"] as const;

const limits = {
  files: 512,
  entries: 10_000,
  depth: 8,
  fileBytes: 4 * 1024 * 1024,
  totalBytes: 16 * 1024 * 1024,
} as const;

/**
 * The `*.rhai` files of a node's plugin, read out of its root file system. The tree belongs to the container: no link is followed in any
 * component, only regular files are opened, and everything is bounded (spec host-daemon S3, S6).
 */
export async function readPluginFiles(rootfs: string): Promise<PluginFiles> {
  const files: Record<string, string> = {};
  const budget = { entries: 0, bytes: 0 };
  const directory = await openDirectoryBeneath(rootfs, pluginDirectory);
  try {
    await collect(directory, "", 0, files, budget);
  } finally {
    await directory.close();
  }
  if (files["main.rhai"] === undefined) {
    throw new HostError(
      "plugin_error",
      "Rhai syntax error: Cannot open script file '/var/lib/babel/plugin/main.rhai': No such file",
      {
        hint: "copy main.rhai into the image at /var/lib/babel/plugin/",
      },
    );
  }
  return files;
}

async function collect(
  directory: FileHandle,
  prefix: string,
  depth: number,
  files: Record<string, string>,
  budget: { entries: number; bytes: number },
): Promise<void> {
  if (depth > limits.depth) throw tooMuch(`directories nested deeper than ${limits.depth}`);
  const here = `/proc/self/fd/${directory.fd}`;
  for (const entry of await readdir(here, { withFileTypes: true })) {
    budget.entries += 1;
    if (budget.entries > limits.entries) throw tooMuch(`more than ${limits.entries} entries`);
    if (entry.isDirectory()) {
      const inner = await open(`${here}/${entry.name}`, constants.O_DIRECTORY | constants.O_NOFOLLOW);
      try {
        await collect(inner, `${prefix}${entry.name}/`, depth + 1, files, budget);
      } finally {
        await inner.close();
      }
    } else if (entry.isFile() && entry.name.endsWith(".rhai")) {
      files[`${prefix}${entry.name}`] = await readScript(`${here}/${entry.name}`, `${prefix}${entry.name}`, budget);
      if (Object.keys(files).length > limits.files) throw tooMuch(`more than ${limits.files} scripts`);
    }
  }
}

async function readScript(path: string, name: string, budget: { bytes: number }): Promise<string> {
  // O_NONBLOCK: a FIFO that takes the file's place must not hang the daemon.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw tooMuch(`${name} is not a regular file`);
    if (stat.size > limits.fileBytes) throw tooMuch(`${name} is larger than ${limits.fileBytes} bytes`);
    const buffer = Buffer.alloc(stat.size);
    const { bytesRead } = await file.read(buffer, 0, stat.size, 0);
    budget.bytes += bytesRead;
    if (budget.bytes > limits.totalBytes) throw tooMuch(`more than ${limits.totalBytes} bytes of scripts`);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Opens a directory below `root` without following a link in any component. The caller closes it. */
async function openDirectoryBeneath(root: string, components: readonly string[]): Promise<FileHandle> {
  let directory = await open(root, constants.O_DIRECTORY);
  for (const name of components) {
    const outer = directory;
    try {
      directory = await open(`/proc/self/fd/${outer.fd}/${name}`, constants.O_DIRECTORY | constants.O_NOFOLLOW);
    } catch (error) {
      throw new HostError(
        "plugin_error",
        `Rhai syntax error: Cannot open plugin directory /${components.join("/")}: ${(error as Error).message}`,
        {
          hint: `the image must have /${components.join("/")}/main.rhai, with real directories on the way`,
          cause: error,
        },
      );
    } finally {
      await outer.close();
    }
  }
  return directory;
}

function tooMuch(what: string): HostError {
  return new HostError("plugin_error", `the image's plugin directory is not acceptable: ${what}`, {
    hint: "keep only the plugin's own *.rhai files in /var/lib/babel/plugin/",
  });
}
