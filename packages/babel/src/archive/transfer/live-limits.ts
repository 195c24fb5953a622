import type { JobConfig } from "../../jobs/config.ts";
import { effectiveLimits, type TransferLimits } from "../../jobs/limits.ts";

const LOOK_MS = 1000;

/** Calls back with the caps in force, now and whenever `limits.json` changes, until it is ended. */
export async function followLimits(
  jobFolder: string,
  config: JobConfig,
  apply: (limits: TransferLimits) => void,
): Promise<{ end(): void }> {
  let last: string | undefined;
  const look = async (): Promise<void> => {
    const limits = await effectiveLimits(jobFolder, config);
    const text = JSON.stringify(limits);
    if (text === last) return;
    last = text;
    apply(limits);
  };
  await look();
  const timer = setInterval(() => void look().catch(() => undefined), LOOK_MS);
  timer.unref();
  return { end: () => clearInterval(timer) };
}
