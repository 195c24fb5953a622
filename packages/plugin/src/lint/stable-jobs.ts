import type { Diagnostic } from "@blockvisor/image";
import type { PlannedJob } from "../config/plan.ts";

/** NIB508: jobs that could never start, because what they need or wait for is not there or runs for ever. */
export function stableJobFindings(jobs: readonly PlannedJob[]): Diagnostic[] {
  const settled = new Set<string>();
  for (let progress = true; progress; ) {
    progress = false;
    for (const { name, config } of jobs) {
      if (
        settled.has(name) ||
        !dependencies({ name, config }).every((one) => settled.has(one) && endsByItself(jobs, one))
      )
        continue;
      settled.add(name);
      progress = true;
    }
  }
  const stuck = jobs.filter((job) => !settled.has(job.name));
  const causes = stuck.filter((job) => dependencies(job).some((one) => !endsByItself(jobs, one)));
  // What only waits for one that is stuck is not worth telling; jobs that wait for each other are.
  return (causes.length > 0 ? causes : stuck).map((job) => {
    const missing = dependencies(job).filter((one) => !settled.has(one) || !endsByItself(jobs, one));
    return {
      code: "NIB508",
      severity: "error",
      message: `after init, job '${job.name}' would never start: it waits for ${missing.map((one) => `'${one}'`).join(", ")}`,
      file: "main.rhai",
    };
  });
}

function dependencies({ config }: PlannedJob): readonly string[] {
  return [...(config.needs ?? []), ...(config.wait_for ?? [])];
}

/** A job that is always restarted never finishes. */
function endsByItself(jobs: readonly PlannedJob[], name: string): boolean {
  const restart = jobs.find((job) => job.name === name)?.config.restart;
  return restart !== undefined && !(typeof restart === "object" && "always" in restart);
}
