import type { Call } from "../../../../command/verb.ts";
import { DaemonClient } from "../../../../daemon/client.ts";
import { jobView } from "../../../../daemon/job-view.ts";
import { Failure } from "../../../../failure/failure.ts";
import { whichNode } from "../../which-node.ts";
import type { JobNodeOption } from "../options.ts";
import type { StartOptions, StopOptions } from "./verbs.ts";

/** A job may take its whole shutdown timeout to stop; the daemon knows that limit, this one is only the last resort. */
const jobTimeoutMs = 3_600_000;

const methods = { start: "StartJob", skip: "SkipJob", cleanup: "CleanupJob", reset: "ResetJob" } as const;

/** `bv node job start | skip | cleanup | reset` (host-daemon §2.2); says nothing when all went well. */
export async function controlJob(
  call: Call<StartOptions, [job: string, node?: string]>,
  action: keyof typeof methods,
): Promise<void> {
  const { out, args, options, signal } = call;
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, options.node ?? args[1]);
  const request = { node, job: args[0], ...(options.force === undefined ? {} : { force: options.force }) };
  const job = await daemon.call(methods[action], request, { signal, timeoutMs: jobTimeoutMs });
  out.document({ jobs: [jobView(job)] });
}

/** `bv node job restart`: a job that has ended, or never ran, is only started. */
export async function restartJob(call: Call<JobNodeOption, [job: string, node?: string]>): Promise<void> {
  const { out, args, options, signal } = call;
  const daemon = new DaemonClient(out);
  const request = { node: await whichNode(daemon, options.node ?? args[1]), job: args[0] };
  const patience = { signal, timeoutMs: jobTimeoutMs };
  await daemon.call("StopJob", request, patience);
  out.document({ jobs: [jobView(await daemon.call("StartJob", request, patience))] });
}

/** `bv node job stop`: exactly one of a name and `--all`. */
export async function stopJobs(call: Call<StopOptions, [job?: string, node?: string]>): Promise<void> {
  const { out, args, options, signal } = call;
  const daemon = new DaemonClient(out);
  // With --all there is no job to name, so a single word is the node.
  const [job, givenNode] = options.all && args[1] === undefined ? [undefined, args[0]] : args;
  if ((job === undefined) === (options.all === undefined)) {
    throw new Failure("usage", "say which job: either its name or --all", { hint: "`bv node job ls` lists them" });
  }
  const node = await whichNode(daemon, options.node ?? givenNode);
  const patience = { signal, timeoutMs: jobTimeoutMs };
  const { jobs = [] } =
    job === undefined
      ? await daemon.call("StopAllJobs", { node }, patience)
      : { jobs: [await daemon.call("StopJob", { node, job }, patience)] };
  out.document({ jobs: jobs.map(jobView) });
}

/** `bv node job delete`; a job that the plugin defines is back with its next `init`. */
export async function deleteJob(call: Call<JobNodeOption, [job: string, node?: string]>): Promise<void> {
  const { out, args, options, signal } = call;
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, options.node ?? args[1]);
  await daemon.call("DeleteJob", { node, job: args[0] }, { signal, timeoutMs: jobTimeoutMs });
  out.document({ deleted: [args[0]] });
}
