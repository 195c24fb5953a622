import { lstatSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ensureFolder, readBoundedSync, replaceFile } from "../files/durable.ts";
import { inRoot, type Paths, type Toolbox } from "../paths.ts";

const LIMIT = 64 * 1024;
/** In the second line of what we wrote. */
const MARK = "# /usr/bin/babel in a node";

/** `babel progress CURRENT [TOTAL] [MESSAGE]` for scripts of jobs. A program of the image that has the name stays. (D3-22) */
export async function installHelper(paths: Paths, toolbox: Toolbox): Promise<void> {
  const path = inRoot(paths, "/usr/bin/babel");
  const kind = lstatSync(path, { throwIfNoEntry: false });
  if (kind !== undefined && !kind.isFile()) return;
  const there = readBoundedSync(path, LIMIT)?.toString("utf8");
  if (there !== undefined && !there.includes(MARK)) return;
  const script = readFileSync(join(dirname(toolbox.shim), "helper.sh"), "utf8");
  const text = `#!${toolbox.busybox} sh\n${script.replace("\n", `\nbusybox=${toolbox.busybox}\n`)}`;
  if (there === text) return;
  await ensureFolder(dirname(path));
  await replaceFile(path, text, { mode: 0o755 });
}
