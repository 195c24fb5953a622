import type { Call } from "../../../../command/verb.ts";
import { DaemonClient } from "../../../../daemon/client.ts";
import { jobProgressText, jobStatusText, jobView, utcTime } from "../../../../daemon/job-view.ts";
import { printable } from "../../../../output/table.ts";
import { whichNode } from "../../which-node.ts";
import type { JobNodeOption } from "../options.ts";

/** `bv node job info` (host-daemon §2.2, babel-agent §3.6). */
export async function jobInfo(call: Call<JobNodeOption, [job: string, node?: string]>): Promise<void> {
  const { out, args, options, signal } = call;
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, options.node ?? args[1]);
  const job = jobView(await daemon.call("GetJob", { node, job: args[0] }, { signal }));
  const show = (label: string, value: string) => out.line(`${`${label}:`.padEnd(18)}${printable(value)}`);
  show("status", `${utcTime(job.since)}| ${jobStatusText(job)}`);
  if (job.progress) show("progress", jobProgressText(job.progress));
  show("restart_count", String(job.restart_count));
  show("upgrade_blocking", String(job.upgrade_blocking));
  if (job.logs.length === 0) show("logs", "<empty>");
  else out.line("logs:");
  for (const line of job.logs) out.line(printable(line));
  out.document({ job });
}
