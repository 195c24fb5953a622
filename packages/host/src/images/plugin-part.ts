import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { nameLayers, runInStack } from "./stacked-layers.ts";

/** What is no folder on the way is copied as it is, so that whoever reads the plugin says what is wrong with it; links are not followed. */
const COPY = `
for part in var var/lib var/lib/babel; do
  if [ -d "merged/$part" ] && [ ! -L "merged/$part" ]; then mkdir "part/$part"; continue; fi
  if [ -e "merged/$part" ] || [ -L "merged/$part" ]; then cp -a "merged/$part" "part/$part"; fi
  exit 0
done
plugin=var/lib/babel/plugin
if [ -e "merged/$plugin" ] || [ -L "merged/$plugin" ]; then cp -a "merged/$plugin" "part/$plugin"; fi
`;

const COPY_TIMEOUT_MS = 3_600_000;

/**
 * What an image of several layers has at /var/lib/babel/plugin, in `folder`/part, so that it can be read without a mount, as often as a daemon
 * starts; `folder` exists and is empty.
 */
export async function copyPluginPart(folder: string, layers: readonly string[]): Promise<void> {
  for (const name of ["part", "merged"]) await mkdir(join(folder, name), { mode: 0o755 });
  await nameLayers(join(folder, "below"), layers);
  await runInStack(folder, layers.length, { upper: false }, ["sh", "-ec", COPY], { timeoutMs: COPY_TIMEOUT_MS });
}
