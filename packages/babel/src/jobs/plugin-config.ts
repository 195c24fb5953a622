import { join } from "node:path";
import { ensureFolder, replaceFile } from "../files/durable.ts";
import type { Paths } from "../paths.ts";
import { checkJobName } from "./config.ts";

/** `plugin_config.json` beside a multi-client job, which finds its services there. (§1.15) */
export async function savePluginConfig(paths: Paths, name: string, text: string): Promise<void> {
  checkJobName(name);
  const folder = join(paths.jobs, name);
  await ensureFolder(folder);
  await replaceFile(join(folder, "plugin_config.json"), text, { mode: 0o600 });
}
