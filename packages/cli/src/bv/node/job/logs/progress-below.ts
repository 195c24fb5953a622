import type { DaemonClient } from "../../../../daemon/client.ts";
import { type JobView, jobView } from "../../../../daemon/job-view.ts";
import type { Output } from "../../../../output/output.ts";
import { ProgressBar } from "../../../../output/progress-bar.ts";
import { jobBar } from "../job-bar.ts";

const everyMs = 1000;

/** The progress of a job below its log, while the job has one; only where both are the same terminal. */
export function showProgressBelow(
  out: Output,
  daemon: DaemonClient,
  job: { readonly node: string; readonly job: string },
  signal: AbortSignal,
) {
  if (out.format !== "text" || !process.stdout.isTTY || !process.stderr.isTTY) return undefined;
  const bar = new ProgressBar(process.stderr, out.errorPaint);
  let view: JobView | undefined;
  const draw = (): void => {
    if (view?.progress && view.state === "running") bar.draw(jobBar(view));
  };
  const timer = setInterval(() => {
    daemon.call("GetJob", job, { signal }).then(
      (answer) => {
        view = jobView(answer);
        bar.clear();
        draw();
      },
      () => {}, // the log says what is wrong
    );
  }, everyMs);
  const end = (): void => {
    clearInterval(timer);
    view = undefined;
    bar.clear();
  };
  return { draw, clear: () => bar.clear(), end };
}
