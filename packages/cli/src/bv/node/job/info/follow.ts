import { setTimeout as pause } from "node:timers/promises";
import { whileAway } from "../../../../daemon/away.ts";
import type { DaemonClient } from "../../../../daemon/client.ts";
import { type JobView, jobProgressText, jobStatusText, jobView, utcTime } from "../../../../daemon/job-view.ts";
import { Failure } from "../../../../failure/failure.ts";
import type { Output } from "../../../../output/output.ts";
import { ProgressBar } from "../../../../output/progress-bar.ts";
import { printable } from "../../../../output/table.ts";
import { jobBar } from "../job-bar.ts";

const everyMs = 1000;

/**
 * Shows a job until it ends: a bar on a terminal, elsewhere a line whenever something changed; `onChange` is told then, too.
 * A job that fails, fails the command.
 */
export async function followJob(
  out: Output,
  daemon: DaemonClient,
  job: { readonly node: string; readonly job: string },
  signal: AbortSignal,
  onChange: (job: JobView) => void = () => {},
): Promise<void> {
  const bar = new ProgressBar(process.stderr, out.errorPaint);
  const moving = out.format === "text" && process.stderr.isTTY;
  let shown = "";
  try {
    for (;;) {
      const view = jobView(await whileAway(() => daemon.call("GetJob", job, { signal }), signal));
      const ended = view.state === "finished" || view.state === "stopped";
      const text = `${jobStatusText(view)}${view.progress ? `, ${jobProgressText(view.progress)}` : ""}`;
      if (moving && !ended) bar.draw(jobBar(view));
      else if (text !== shown) {
        bar.clear();
        out.line(printable(`${utcTime(new Date().toISOString())}| ${text}`));
        onChange(view);
      }
      shown = text;
      if (ended) return failWith(view);
      await pause(everyMs, undefined, { signal });
    }
  } catch (error) {
    // Following ends with Ctrl-C; that is how it is meant to end.
    if (!signal.aborted) throw error;
  } finally {
    bar.clear();
  }
}

function failWith(job: JobView): void {
  if (job.state !== "finished" || job.exit_code === 0) return;
  throw new Failure("job-failed", `job '${job.name}' has failed: ${job.last_failure || jobStatusText(job)}`, {
    hint: `\`bv node job logs ${job.name}\` shows what it printed`,
    data: { job },
  });
}
