import { NodeHealth, type NodeJobSchema, NodeJobStatus, NodeState } from "@blockvisor/wire/blockjoy/common/v1/node";
import type { NodeMetricsSchema } from "@blockvisor/wire/blockjoy/v1/metrics";
import { JobState, type NodeMetricsSchema as LocalMetricsSchema } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { JobMessage } from "../service/job-message.ts";

/** A job as the API takes it. */
export type NodeJob = MessageInitShape<typeof NodeJobSchema> & { readonly name: string };

const healths: Readonly<Record<string, NodeHealth>> = {
  healthy: NodeHealth.HEALTHY,
  neutral: NodeHealth.NEUTRAL,
  unhealthy: NodeHealth.UNHEALTHY,
};

type Told = MessageInitShape<typeof LocalMetricsSchema>;

export function nodeJobs({ jobs = [] }: Told): readonly NodeJob[] {
  return jobs.map((job) => apiJob(job as JobMessage));
}

/** What a node's plugin told, as the API takes it, with those of its jobs that it is to get (spec host-daemon §10.3). */
export function nodeFigures(
  nodeId: string,
  { jobs: _, protocolStatus, problems: __, ...values }: Told,
  jobs: readonly NodeJob[],
): MessageInitShape<typeof NodeMetricsSchema> {
  const {
    $typeName: ___,
    $unknown: ____,
    ...known
  } = values as typeof values & { $typeName?: unknown; $unknown?: unknown };
  const protocol = protocolStatus && {
    state: protocolStatus.state ?? "",
    health: healths[protocolStatus.health ?? ""] ?? 0,
  };
  return {
    ...known,
    nodeId,
    nodeStatus: { state: NodeState.RUNNING, ...(protocol ? { protocol } : {}) },
    jobs: [...jobs],
  };
}

function apiJob(job: JobMessage): NodeJob {
  return {
    name: job.name ?? "",
    status: jobStatusOf(job),
    logs: [...(job.logs ?? [])],
    restarts: BigInt(job.restartCount ?? 0),
    ...(job.exitCode === undefined ? {} : { exitCode: job.exitCode }),
    ...(job.message ? { message: job.message } : {}),
    ...(job.progress
      ? {
          progress: {
            total: Number(job.progress.total ?? 0n),
            current: Number(job.progress.current ?? 0n),
            message: job.progress.message ?? "",
          },
        }
      : {}),
  };
}

function jobStatusOf({ state, exitCode }: JobMessage): NodeJobStatus {
  switch (state) {
    case JobState.PENDING:
      return NodeJobStatus.PENDING;
    case JobState.RUNNING:
      return NodeJobStatus.RUNNING;
    case JobState.FINISHED:
      return exitCode === 0 ? NodeJobStatus.FINISHED : NodeJobStatus.FAILED;
    default:
      return NodeJobStatus.STOPPED;
  }
}
