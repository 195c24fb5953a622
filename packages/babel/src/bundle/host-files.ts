import { execFile } from "node:child_process";
import { access, realpath } from "node:fs/promises";
import { basename } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export type Library = { readonly name: string; readonly path: string };

/** The dynamic loader of a program, and the shared libraries it needs, as `ldd` finds them here. */
export async function loaderAndLibraries(
  program: string,
): Promise<{ readonly loader: string; readonly libraries: readonly Library[] }> {
  const { stdout } = await run("ldd", [program]);
  const libraries: Library[] = [];
  let loader: string | undefined;
  for (const line of stdout.split("\n")) {
    const [, name, path] = /^\s*(\S+) => (\/\S+)/.exec(line) ?? [];
    if (name !== undefined && path !== undefined) libraries.push({ name, path: await realpath(path) });
    const direct = /^\s*(\/\S*ld-linux\S*)/.exec(line)?.[1];
    if (direct !== undefined) loader = await realpath(direct);
  }
  if (loader === undefined) throw new Error(`no dynamic loader found for ${program} by ldd:\n${stdout}`);
  return { loader, libraries };
}

/** A statically linked tool of this machine. */
export async function staticTool(name: string, candidates: readonly string[], debianPackage: string): Promise<string> {
  for (const candidate of candidates) {
    const path = await realpath(candidate).catch(() => undefined);
    if (path === undefined || (await access(path).catch(() => true)) === true) continue;
    if (await isStatic(path)) return path;
  }
  throw new Error(
    `${name}: no static ${basename(candidates[0] ?? name)} found at ${candidates.join(", ")}; ` +
      `install it with: apt-get install ${debianPackage}`,
  );
}

/** ldd fails on a static program, or says so. */
async function isStatic(path: string): Promise<boolean> {
  try {
    const { stdout } = await run("ldd", [path]);
    return stdout.includes("statically linked");
  } catch {
    return true;
  }
}
