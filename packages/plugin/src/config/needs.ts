import { type JobLike, type JobSection, jobLikes } from "./jobs.ts";
import type { PluginConfig } from "./model.ts";
import { DOWNLOAD_JOB, UPLOAD_JOB } from "./plan.ts";
import type { ConfigProblem } from "./problem.ts";

/** Sections whose jobs exist when a section's jobs are started. */
const EARLIER: Readonly<Record<JobSection, readonly JobSection[]>> = {
  aux_services: [],
  init: [],
  post_download: ["init"],
  services: [],
  pre_upload: ["init", "post_download"],
  post_upload: ["init", "post_download", "pre_upload"],
};

/** `needs` names a job of the same or an earlier section, and nobody waits for themselves. */
export function checkNeeds(config: PluginConfig, problems: ConfigProblem[]): void {
  const all = jobLikes(config);
  const byName = new Map(all.map((job) => [job.part.name, job]));
  for (const job of all) {
    job.needs.forEach((name, index) => {
      const path = `${job.path}.needs[${index}]`;
      const complaint = needComplaint(job, name, byName.get(name));
      if (complaint !== undefined) {
        problems.push({
          code: "NIB508",
          level: "lint",
          path,
          message: `job '${job.part.name}' needs '${name}', ${complaint}`,
        });
      }
    });
    const cycle = findCycle(job, byName);
    if (cycle) {
      problems.push({
        code: "NIB508",
        level: "error",
        path: `${job.path}.needs`,
        message: `jobs wait for each other: ${cycle.join(" → ")}`,
      });
    }
  }
}

function needComplaint(job: JobLike, name: string, target: JobLike | undefined): string | undefined {
  if (name === DOWNLOAD_JOB) return job.section === "init" ? "which is only started after the init jobs" : undefined;
  if (name === UPLOAD_JOB) return job.section === "post_upload" ? undefined : "which is only started by an upload";
  if (!target) return "but there is no such job";
  if (target.section === "services" || target.section === "aux_services")
    return "which is a service and never finishes";
  if (target.section !== job.section && !EARLIER[job.section].includes(target.section))
    return `which is only started later (${target.section})`;
  return undefined;
}

/** The names on a circle that starts and ends at `job`, reported once, for its alphabetically first member. */
function findCycle(job: JobLike, byName: ReadonlyMap<string, JobLike>): readonly string[] | undefined {
  const start = job.part.name;
  const visited = new Set<string>();
  const walk = (name: string, trail: readonly string[]): readonly string[] | undefined => {
    for (const next of byName.get(name)?.needs ?? []) {
      if (next === start) return [...trail, start];
      if (visited.has(next)) continue;
      visited.add(next);
      const found = walk(next, [...trail, next]);
      if (found) return found;
    }
    return undefined;
  };
  const cycle = walk(start, [start]);
  return cycle && [...cycle].sort()[0] === start ? cycle : undefined;
}
