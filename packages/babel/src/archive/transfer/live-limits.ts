import { effectiveLimits, type TransferLimits } from "../../jobs/limits.ts";
import type { ArchiveTask } from "../task.ts";
import type { HostShare } from "./host-share.ts";

const LOOK_MS = 1000;

/**
 * Calls back with the caps in force, now and whenever they change, until it is ended: those of the job, also when `limits.json` changes, and never more
 * bandwidth than the host's share.
 */
export async function followLimits(
  { folder, config }: Pick<ArchiveTask, "folder" | "config">,
  share: HostShare,
  apply: (limits: TransferLimits) => void,
): Promise<{ end(): void }> {
  let last: string | undefined;
  const look = async (): Promise<void> => {
    const caps = await effectiveLimits(folder, config);
    const most = Math.min(
      caps.max_bytes_per_second ?? Number.POSITIVE_INFINITY,
      (await share()) ?? Number.POSITIVE_INFINITY,
    );
    const limits = Number.isFinite(most) ? { ...caps, max_bytes_per_second: most } : caps;
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
