import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** Builds besides the current one that are kept in any case: a babel that is just being replaced may still start a job. */
const KEPT = 1;

/** Removes old builds that no process uses; a babel goes on starting jobs with the build it came from. */
export async function pruneBuilds(target: string, current: string): Promise<void> {
  const entries = await readdir(target, { withFileTypes: true });
  const builds = entries.filter((entry) => entry.isDirectory() && entry.name.includes("+") && entry.name !== current);
  const dated = await Promise.all(
    builds.map(async ({ name }) => ({ name, at: (await stat(join(target, name))).mtimeMs })),
  );
  const old = dated.sort((a, b) => b.at - a.at).slice(KEPT);
  if (old.length === 0) return;
  const commands = await allCommandLines();
  for (const { name } of old) {
    if (!commands.some((line) => line.includes(`/${name}/`)))
      await rm(join(target, name), { recursive: true, force: true });
  }
}

/** Of all processes of this machine, also those in containers. */
async function allCommandLines(): Promise<readonly string[]> {
  const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry));
  return Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "")));
}
