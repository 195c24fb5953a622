import type { DaemonClient } from "../../../daemon/client.ts";
import { type JobView, jobView } from "../../../daemon/job-view.ts";
import type { Output } from "../../../output/output.ts";
import { followJob } from "../job/info/follow.ts";

/** The job that uploads; those of `post_upload` need it (plugin-api §3.4). */
const uploadJob = "upload";

/**
 * Shows the jobs of an upload that was begun until the last one has ended (plugin-api §4.3 Do better), and returns them. One that fails, fails
 * the command. An `upload()` of the script's own that makes no such job is done when it returns.
 */
export async function awaitUpload(
  out: Output,
  daemon: DaemonClient,
  node: string,
  signal: AbortSignal,
): Promise<readonly JobView[]> {
  const jobs = async (): Promise<readonly JobView[]> =>
    ((await daemon.call("ListJobs", { node }, { signal })).jobs ?? []).map(jobView);
  const stages = stagesOf(await jobs());
  for (const job of stages) await followJob(out, daemon, { node, job }, signal);
  return (await jobs()).filter(({ name }) => stages.includes(name));
}

/** The upload, and all that need it, directly or not, each after what it needs. */
function stagesOf(jobs: readonly JobView[]): readonly string[] {
  const stages = new Set(jobs.filter(({ name }) => name === uploadJob).map(({ name }) => name));
  for (const stage of stages) {
    for (const { name, needs } of jobs) if (needs.includes(stage)) stages.add(name);
  }
  return [...stages];
}
