import type { JobInfo } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import type { HostService, SetJobLimitsRequest } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { CallOptions, ServiceImpl } from "@connectrpc/connect";
import type { AgentLink } from "../agent/agent-link.ts";
import { HostError } from "../errors/host-error.ts";
import { jobLogLines } from "./job-logs.ts";
import { type JobMessage, jobMessage } from "./job-message.ts";
import { jobNamed } from "./job-name.ts";
import type { ServiceContext } from "./service-context.ts";
import { stoppedJobLines } from "./stopped-job-logs.ts";

type JobMethods =
  | "listJobs"
  | "getJob"
  | "startJob"
  | "stopJob"
  | "stopAllJobs"
  | "skipJob"
  | "cleanupJob"
  | "resetJob"
  | "deleteJob"
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

  const found = async (of: { readonly node: string; readonly job: string }) => {
    const link = linkOf(of.node);
    return { link, job: await jobNamed(link, of.job) };
  };

  const jobOf = async (link: AgentLink, name: string): Promise<JobMessage> => {
    const { job } = await link.call("job_info", (options) => link.jobs.getJob({ name }, options), { retry: true });
    if (job === undefined) throw new HostError("internal", `babel sent no information about job '${name}'`);
    return jobMessage(job);
  };

  const jobsOf = async (link: AgentLink): Promise<readonly JobInfo[]> =>
    (await link.call("get_jobs", (options) => link.jobs.listJobs({}, options), { retry: true })).jobs;

  /** Stopping takes as long as the job's own shutdown timeout, or as all of theirs (spec host-daemon §3.2). */
  const stopping = async (
    link: AgentLink,
    job: string | undefined,
    operation: string,
    send: (options: CallOptions) => Promise<unknown>,
  ): Promise<void> => {
    const { timeout } = await link.call("get_stop_timeout", (options) =>
      link.jobs.getStopTimeout(job === undefined ? {} : { name: job }, options),
    );
    const timeoutMs = Number(timeout?.seconds ?? 0n) * second + 15 * second;
    await link.call(operation, send, { timeoutMs });
  };

  return {
    listJobs: async ({ node }) => {
      const jobs = await jobsOf(linkOf(node));
      return { jobs: jobs.map(jobMessage) };
    },
    getJob: async (request) => {
      const { link, job } = await found(request);
      return jobOf(link, job);
    },
    startJob: async ({ force, ...request }) => {
      const { link, job } = await found(request);
      await link.call("start_job", (options) => link.jobs.startJob({ name: job, force }, options));
      return jobOf(link, job);
    },
    stopJob: async (request) => {
      const { link, job } = await found(request);
      await stopping(link, job, "stop_job", (options) => link.jobs.stopJob({ name: job }, options));
      return jobOf(link, job);
    },
    stopAllJobs: async ({ node }) => {
      const link = linkOf(node);
      const active = new Set((await jobsOf(link)).filter(isActive).map(({ name }) => name));
      await stopping(link, undefined, "stop_all_jobs", (options) => link.jobs.stopAllJobs({}, options));
      return { jobs: (await jobsOf(link)).filter(({ name }) => active.has(name)).map(jobMessage) };
    },
    skipJob: async (request) => {
      const { link, job } = await found(request);
      await stopping(link, job, "skip_job", (options) => link.jobs.skipJob({ name: job }, options));
      return jobOf(link, job);
    },
    cleanupJob: async (request) => {
      const { link, job } = await found(request);
      await link.call("cleanup_job", (options) => link.jobs.cleanupJob({ name: job }, options));
      return jobOf(link, job);
    },
    resetJob: async (request) => {
      const { link, job } = await found(request);
      await link.call("reset_job", (options) => link.jobs.resetJob({ name: job }, options));
      return jobOf(link, job);
    },
    deleteJob: async (request) => {
      const { link, job } = await found(request);
      await stopping(link, job, "delete_job", (options) => link.jobs.deleteJob({ name: job }, options));
      return {};
    },
    getJobGraph: async ({ node }) => {
      const link = linkOf(node);
      const { jobs: ordered } = await link.call("get_job_graph", (options) => link.jobs.getJobGraph({}, options), {
        retry: true,
      });
      const known = new Map((await jobsOf(link)).map((job) => [job.name, jobMessage(job)]));
      return {
        jobs: ordered.map(({ name }) => ({ job: known.get(name) ?? { name }, defined: known.has(name) })),
      };
    },
    setJobLimits: async (request) => {
      const { link, job } = await found(request);
      const change = { name: job, ...limitsOf(request) };
      await link.call("set_transfer_limits", (options) => link.jobs.setTransferLimits(change, options));
      return jobOf(link, job);
    },
    streamJobLogs: async function* (request, { signal }) {
      const actor = nodes.find(request.node, "get jobs of");
      const isTail = !request.follow && request.since === undefined && request.run === undefined;
      if (isTail && actor.snapshot().seen.container !== "running") {
        yield* stoppedJobLines(actor.parts.paths.rootfs, request);
        return;
      }
      const { link, job } = await found(request);
      yield* jobLogLines(link, { ...request, job }, signal);
    },
  };
}

const isActive = ({ status }: JobInfo): boolean =>
  status?.status.case === "running" || status?.status.case === "pending";

function limitsOf({
  maxConnections,
  maxBytesPerSecond,
}: Pick<SetJobLimitsRequest, "maxConnections" | "maxBytesPerSecond">) {
  return {
    ...(maxConnections === undefined ? {} : { maxConnections }),
    ...(maxBytesPerSecond === undefined ? {} : { maxBytesPerSecond }),
  };
}
