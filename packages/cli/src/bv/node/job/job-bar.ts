import { type JobView, jobStatusText, percentOf, rateText } from "../../../daemon/job-view.ts";
import { durationText } from "../../../output/duration.ts";
import type { BarState } from "../../../output/progress-bar.ts";
import { printable } from "../../../output/table.ts";

/** A job's progress as a bar: `11/21 chunks  0.8/s  ETA 00:00:12`. */
export function jobBar(job: JobView): BarState {
  const { progress } = job;
  if (job.state !== "running" || job.stopping || job.restart_at !== null || progress === null) {
    return { fraction: undefined, text: printable(`${job.name}: ${jobStatusText(job)}`) };
  }
  const { total, current, message, rate, eta_secs: eta } = progress;
  const known = total !== null && total > 0;
  const parts = [
    `${known ? `${current}/${total}` : current} ${message}`.trimEnd(),
    ...(rate === null ? [] : [rateText(rate)]),
    ...(eta === null ? [] : [`ETA ${durationText(Math.ceil(eta))}`]),
  ];
  return { fraction: known ? percentOf(current, total) / 100 : undefined, text: printable(parts.join("  ")) };
}
