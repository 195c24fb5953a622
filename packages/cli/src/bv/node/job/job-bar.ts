import {
  type JobProgressView,
  type JobView,
  jobStatusText,
  percentOf,
  progressRateText,
} from "../../../daemon/job-view.ts";
import { durationText } from "../../../output/duration.ts";
import type { BarState } from "../../../output/progress-bar.ts";
import { printable } from "../../../output/table.ts";

/** A job's progress as a bar: `11/21 chunks  0.8/s  ETA 00:00:12`. */
export function jobBar(job: JobView): BarState {
  const { progress } = job;
  if (job.state !== "running" || job.stopping || job.restart_at !== null || progress === null) {
    return { fraction: undefined, text: printable(`${job.name}: ${jobStatusText(job)}`) };
  }
  const { total, current, message, eta_secs: eta, transfer } = progress;
  const known = total !== null && total > 0;
  const rate = progressRateText(progress);
  const parts = [
    `${known ? `${current}/${total}` : current} ${message}`.trimEnd(),
    ...(rate === "" ? [] : [rate]),
    ...(eta === null ? [] : [`ETA ${durationText(Math.ceil(eta))}`]),
  ];
  return { fraction: fractionOf(progress, transfer), text: printable(parts.join("  ")) };
}

/** Bytes are finer than chunks. */
function fractionOf({ total, current }: JobProgressView, transfer: JobProgressView["transfer"]): number | undefined {
  if (transfer !== null && transfer.bytes_total > 0) return percentOf(transfer.bytes_done, transfer.bytes_total) / 100;
  return total !== null && total > 0 ? percentOf(current, total) / 100 : undefined;
}
