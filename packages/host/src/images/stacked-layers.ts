import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { runTool, type ToolOptions, type ToolResult } from "@blockvisor/image/container";

/** With more, names of the layers get too long for what the kernel takes as options of a mount. */
export const MAX_STACKED = 250;

/** Whatever was configured as the machine's default: a layer has to mean the same wherever it is mounted. */
const PLAIN_OVERLAY = "index=off,redirect_dir=off,metacopy=off";

/** `$1` options, `$2` where; the rest is a command that replaces the shell. Its words are data, the shell's line is not. */
const MOUNT_THEN = 'mount -t overlay overlay -o "$1" "$2"; shift 2; exec "$@"';

/** Short names for layers, lowest first, in a new folder: `0` is the lowest. */
export async function nameLayers(folder: string, layers: readonly string[]): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  for (const [index, layer] of layers.entries()) await symlink(layer, join(folder, String(index)));
}

/** What the kernel wants: the highest first. */
export function lowerDirectories(names: readonly string[]): string {
  return names.toReversed().join(":");
}

/**
 * Runs a command in `folder` while the layers that `nameLayers` named in `folder`/below are seen on top of each other at `folder`/merged, which exists;
 * with `upper`, what is written there goes to `folder`/diff, with `folder`/work beside it. Nobody else sees the mount, and it ends with the command,
 * however that ends. Errors of `runTool`.
 */
export async function runInStack(
  folder: string,
  count: number,
  { upper }: { readonly upper: boolean },
  command: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  const names = Array.from({ length: count }, (_, index) => `below/${index}`);
  // Of a single layer there is nothing to be stacked, which the kernel refuses without an upper one.
  const lower = lowerDirectories(!upper && count === 1 ? [...names, ...names] : names);
  const own = upper ? ",upperdir=diff,workdir=work" : ",ro";
  const mount = ["sh", "-ec", MOUNT_THEN, "sh", `lowerdir=${lower}${own},${PLAIN_OVERLAY}`, "merged"];
  return runTool("unshare", ["--mount", "--propagation", "private", ...mount, ...command], { ...options, cwd: folder });
}
