import { join } from "node:path";
import { refused } from "../failure.ts";
import { ensureFolder, replaceFile } from "../files/durable.ts";
import type { Paths } from "../paths.ts";
import { checkJobName } from "./config.ts";
import type { Job } from "./job.ts";
import { isArchive } from "./program.ts";

/** Caps of a transfer, as its process reads them while it runs. */
export type TransferLimits = {
  readonly maxConnections?: number | undefined;
  /** 0: unlimited. */
  readonly maxBytesPerSecond?: bigint | undefined;
};

/** `limits.json` in the job's folder: the archive process watches it, so caps change without a restart. */
export async function saveLimits(job: Job, limits: TransferLimits): Promise<void> {
  if (!isArchive(job.config)) {
    throw refused("job-not-archive", `job '${job.name}' is not an archive job: it has no transfer limits`);
  }
  const content = {
    max_connections: limits.maxConnections,
    max_bytes_per_second: limits.maxBytesPerSecond === undefined ? undefined : Number(limits.maxBytesPerSecond),
  };
  await replaceFile(join(job.folder, "limits.json"), JSON.stringify(content));
}

/** `plugin_config.json` beside a multi-client job, which finds its services there. (§1.15) */
export async function savePluginConfig(paths: Paths, name: string, text: string): Promise<void> {
  checkJobName(name);
  const folder = join(paths.jobs, name);
  await ensureFolder(folder);
  await replaceFile(join(folder, "plugin_config.json"), text, { mode: 0o600 });
}
