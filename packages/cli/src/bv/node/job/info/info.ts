import type { Call } from "../../../../command/verb.ts";
import { DaemonClient } from "../../../../daemon/client.ts";
import { type JobView, jobProgressText, jobStatusText, jobView, utcTime } from "../../../../daemon/job-view.ts";
import type { Output } from "../../../../output/output.ts";
import { printable } from "../../../../output/table.ts";
import { whichNode } from "../../which-node.ts";
import { limitFields } from "../limits/limits.ts";
import { followJob } from "./follow.ts";
import type { InfoOptions } from "./verb.ts";

/** `bv node job info` (host-daemon §2.2, babel-agent §3.6). */
export async function jobInfo(call: Call<InfoOptions, [job: string, node?: string]>): Promise<void> {
  const { out, args, options, signal } = call;
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, options.node ?? args[1]);
  if (options.follow) {
    return followJob(out, daemon, { node, job: args[0] }, signal, (job) => out.event({ job }));
  }
  const job = jobView(await daemon.call("GetJob", { node, job: args[0] }, { signal }));
  printJob(out, job);
  out.document({ job });
}

function printJob(out: Output, job: JobView): void {
  const show = (label: string, value: string) => out.line(`${`${label}:`.padEnd(18)}${printable(value)}`);
  show("status", `${utcTime(job.since)}| ${jobStatusText(job)}`);
  if (job.progress) show("progress", jobProgressText(job.progress));
  show("restart_count", restartsText(job));
  if (job.stage) show("stage", job.stage);
  show("upgrade_blocking", String(job.upgrade_blocking));
  if (job.last_failure && job.last_failure !== job.message) show("last_failure", job.last_failure);
  if (job.needs.length > 0) show("needs", job.needs.join(", "));
  if (job.wait_for.length > 0) show("wait_for", job.wait_for.join(", "));
  if (job.config_hash) show("config", job.config_hash);
  for (const [label, value] of limitFields(job)) show(label, value);
  if (job.logs.length === 0) show("logs", "<empty>");
  else out.line("logs:");
  for (const line of job.logs) out.line(printable(line));
}

/** How many of them were not the job's doing. */
function restartsText({ restart_count, runner_restarts }: JobView): string {
  return runner_restarts === 0 ? String(restart_count) : `${restart_count} (${runner_restarts} lost)`;
}
