import type { Call } from "../../../../command/verb.ts";
import { DaemonClient } from "../../../../daemon/client.ts";
import { jobStatusText, jobView } from "../../../../daemon/job-view.ts";
import { printable } from "../../../../output/table.ts";
import { whichNode } from "../../which-node.ts";
import type { JobNodeOption } from "../options.ts";

const nameWidth = 20;

/** `bv node job list`: nothing at all when there are no jobs (host-daemon §2.2). */
export async function listJobs({ out, args, options, signal }: Call<JobNodeOption, [node?: string]>): Promise<void> {
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, options.node ?? args[0]);
  const response = await daemon.call("ListJobs", { node }, { signal });
  const jobs = (response.jobs ?? []).map(jobView);
  if (jobs.length > 0) out.line(`${out.paint("bold", "NAME".padEnd(nameWidth))} ${out.paint("bold", "STATUS")}`);
  for (const job of jobs) out.line(`${printable(job.name).padEnd(nameWidth)} ${printable(jobStatusText(job))}`);
  out.document({ jobs });
}
