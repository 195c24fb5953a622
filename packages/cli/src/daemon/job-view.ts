import type { JobJson } from "@blockvisor/wire/blockvisor/host/v1/host";

type JobState = "pending" | "running" | "finished" | "stopped";

/** A job as `--format json` shows it. */
export interface JobView {
  readonly name: string;
  readonly state: JobState;
  readonly waiting_for: readonly string[];
  readonly exit_code: number | null;
  readonly message: string;
  /** RFC 3339. */
  readonly since: string;
  readonly progress: { readonly total: number; readonly current: number; readonly message: string } | null;
  readonly restart_count: number;
  readonly upgrade_blocking: boolean;
  /** Events, newest first. */
  readonly logs: readonly string[];
}

const states: Readonly<Record<string, JobState>> = {
  JOB_STATE_PENDING: "pending",
  JOB_STATE_RUNNING: "running",
  JOB_STATE_FINISHED: "finished",
  JOB_STATE_STOPPED: "stopped",
};

export function jobView(job: JobJson): JobView {
  const { progress } = job;
  return {
    name: job.name ?? "",
    state: states[job.state ?? ""] ?? "stopped",
    waiting_for: job.waitingFor ?? [],
    exit_code: job.exitCode ?? null,
    message: job.message ?? "",
    since: job.since ?? "",
    progress: progress
      ? { total: Number(progress.total ?? 0), current: Number(progress.current ?? 0), message: progress.message ?? "" }
      : null,
    restart_count: job.restartCount ?? 0,
    upgrade_blocking: job.upgradeBlocking ?? false,
    logs: job.logs ?? [],
  };
}

/** The state in words (host-daemon §2.2). */
export function jobStatusText(job: JobView): string {
  switch (job.state) {
    case "pending":
      return `Pending (waiting for: [${job.waiting_for.join(", ")}])`;
    case "running":
      return "Running";
    case "stopped":
      return "Stopped";
    case "finished":
      if (job.exit_code === null) return job.message ? `Finished with message \`${job.message}\`` : "Finished";
      return `Finished with exit code ${job.exit_code}${job.message ? ` and message \`${job.message}\`` : ""}`;
  }
}

/** `12.50% (1/8 chunks)` */
export function jobProgressText(progress: NonNullable<JobView["progress"]>): string {
  const percent = progress.total > 0 ? (progress.current / progress.total) * 100 : 0;
  const counts = `${progress.current}/${progress.total}`;
  return `${percent.toFixed(2)}% (${progress.message ? `${counts} ${progress.message}` : counts})`;
}

/** `2025-01-31 12:00:00 UTC` */
export function utcTime(timestamp: string): string {
  const time = new Date(timestamp);
  return Number.isNaN(time.getTime()) ? "-" : `${time.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
