import type { HostService, SetJobLimitsRequest } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { CallOptions, ServiceImpl } from "@connectrpc/connect";
import type { AgentLink } from "../agent/agent-link.ts";
import { HostError } from "../errors/host-error.ts";
import { jobLogLines } from "./job-logs.ts";
import { type JobMessage, jobMessage } from "./job-message.ts";
import type { ServiceContext } from "./service-context.ts";

type JobMethods =
  | "listJobs"
  | "getJob"
  | "startJob"
  | "stopJob"
  | "skipJob"
  | "cleanupJob"
  | "getJobGraph"
  | "setJobLimits"
  | "streamJobLogs";

const second = 1000;

/** The jobs of a node, as babel has them. */
export function jobService({ nodes }: ServiceContext): Pick<ServiceImpl<typeof HostService>, JobMethods> {
  const linkOf = (reference: string): AgentLink => {
    const actor = nodes.find(reference, "get jobs of");
    if (actor.snapshot().seen.container !== "running") {
      throw new HostError("unavailable", "node connection is closed", { hint: "the node is stopped; start it first" });
    }
    return actor.parts.link;
  };

  const jobOf = async (link: AgentLink, name: string): Promise<JobMessage> => {
    const { job } = await link.call("job_info", (options) => link.jobs.getJob({ name }, options), { retry: true });
    if (job === undefined) throw new HostError("internal", `babel sent no information about job '${name}'`);
    return jobMessage(job);
  };

  /** Stopping takes as long as the job's own shutdown timeout (spec host-daemon §3.2). */
  const stopping = async (
    { node, job }: { readonly node: string; readonly job: string },
    operation: string,
    send: (link: AgentLink, options: CallOptions) => Promise<unknown>,
  ): Promise<JobMessage> => {
    const link = linkOf(node);
    const { timeout } = await link.call("get_stop_timeout", (options) =>
      link.jobs.getStopTimeout({ name: job }, options),
    );
    const timeoutMs = Number(timeout?.seconds ?? 0n) * second + 15 * second;
    await link.call(operation, (options) => send(link, options), { timeoutMs });
    return jobOf(link, job);
  };

  return {
    listJobs: async ({ node }) => {
      const link = linkOf(node);
      const { jobs } = await link.call("get_jobs", (options) => link.jobs.listJobs({}, options), { retry: true });
      return { jobs: jobs.map(jobMessage) };
    },
    getJob: ({ node, job }) => jobOf(linkOf(node), job),
    startJob: async ({ node, job, force }) => {
      const link = linkOf(node);
      await link.call("start_job", (options) => link.jobs.startJob({ name: job, force }, options));
      return jobOf(link, job);
    },
    stopJob: (request) =>
      stopping(request, "stop_job", (link, options) => link.jobs.stopJob({ name: request.job }, options)),
    skipJob: (request) =>
      stopping(request, "skip_job", (link, options) => link.jobs.skipJob({ name: request.job }, options)),
    cleanupJob: async ({ node, job }) => {
      const link = linkOf(node);
      await link.call("cleanup_job", (options) => link.jobs.cleanupJob({ name: job }, options));
      return jobOf(link, job);
    },
    getJobGraph: async ({ node }) => {
      const link = linkOf(node);
      const { jobs: ordered } = await link.call("get_job_graph", (options) => link.jobs.getJobGraph({}, options), {
        retry: true,
      });
      const { jobs } = await link.call("get_jobs", (options) => link.jobs.listJobs({}, options), { retry: true });
      const known = new Map(jobs.map((job) => [job.name, jobMessage(job)]));
      return {
        jobs: ordered.map(({ name }) => ({ job: known.get(name) ?? { name }, defined: known.has(name) })),
      };
    },
    setJobLimits: async ({ node, job, ...limits }) => {
      const link = linkOf(node);
      const change = { name: job, ...limitsOf(limits) };
      await link.call("set_transfer_limits", (options) => link.jobs.setTransferLimits(change, options));
      return jobOf(link, job);
    },
    streamJobLogs: (request, { signal }) => jobLogLines(linkOf(request.node), request, signal),
  };
}

function limitsOf({
  maxConnections,
  maxBytesPerSecond,
}: Pick<SetJobLimitsRequest, "maxConnections" | "maxBytesPerSecond">) {
  return {
    ...(maxConnections === undefined ? {} : { maxConnections }),
    ...(maxBytesPerSecond === undefined ? {} : { maxBytesPerSecond }),
  };
}
