import type { Diagnostic } from "@blockvisor/image";
import type { NodeMetricsJson } from "@blockvisor/wire/blockvisor/host/v1/host";
import { type JobView, jobStatusText, jobView } from "../../../daemon/job-view.ts";
import type { CheckName } from "./verb.ts";

/** One look at a running node. */
export interface NodeSample {
  readonly jobs: readonly JobView[];
  readonly protocolStatus: { readonly state: string; readonly health: string } | undefined;
  /** Why values are missing. */
  readonly problems: readonly string[];
}

export function nodeSample(metrics: NodeMetricsJson): NodeSample {
  const status = metrics.protocolStatus;
  return {
    jobs: (metrics.jobs ?? []).map(jobView).sort((a, b) => a.name.localeCompare(b.name)),
    protocolStatus: status ? { state: status.state ?? "", health: status.health ?? "" } : undefined,
    problems: metrics.problems ?? [],
  };
}

type NodeCheck = (sample: NodeSample) => readonly Diagnostic[];

/** The checks of a running node (nib-and-images §5.6); each reports every job, not the first. */
export const nodeChecks: Readonly<Record<Exclude<CheckName, "plugin">, NodeCheck>> = {
  "jobs-status": (sample) => [
    ...withoutJobs(sample),
    ...sample.jobs.filter(hasFailed).map((job) => finding("NIB602", `job '${job.name}' failed: ${jobStatusText(job)}`)),
  ],
  "jobs-restarts": (sample) => [
    ...withoutJobs(sample),
    ...sample.jobs
      .filter(({ restart_count }) => restart_count > 0)
      .map(({ name, restart_count }) => finding("NIB603", `job '${name}' was restarted ${times(restart_count)}`)),
  ],
  "protocol-status": ({ protocolStatus, problems }) => {
    if (!protocolStatus) {
      const why = problems.length > 0 ? `: ${problems.join("; ")}` : "";
      return [finding("NIB604", `the node reports no protocol status${why}`, "bv node run protocol_status shows why")];
    }
    if (protocolStatus.health !== "unhealthy") return [];
    return [finding("NIB604", `the protocol is unhealthy (${protocolStatus.state})`)];
  },
};

/** Ended badly: with an exit code, or with none because it could not be started at all, which the message then says. */
export function hasFailed(job: JobView): boolean {
  return job.state === "finished" && (job.exit_code === null ? job.message !== "" : job.exit_code !== 0);
}

/** True while something may still happen that the checks are about. */
export function isUnsettled({ jobs }: NodeSample): boolean {
  return jobs.some(({ state }) => state === "pending");
}

/** A node without jobs has nothing that could fail: a check that says nothing must not pass. */
function withoutJobs({ jobs, problems }: NodeSample): readonly Diagnostic[] {
  if (jobs.length > 0) return [];
  const why = problems.length > 0 ? `: ${problems.join("; ")}` : "";
  return [finding("NIB605", `the node has no jobs${why}`, "plugin_config() should name at least one service")];
}

function finding(code: string, message: string, help?: string): Diagnostic {
  return { code, severity: "error", message, ...(help !== undefined && { help }) };
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
