import type { PluginConfig } from "../config/model.ts";
import { auxServiceJob, type PlannedJob, serviceJob, stageJob } from "../config/plan.ts";
import { namesOf } from "./actions.ts";
import type { RunContext } from "./context.ts";
import { chooseDataSource, type DataSource, dataStageJobs } from "./data-stage.ts";
import { type PlannedStep, runSteps } from "./run-steps.ts";
import type { Decided } from "./step-journal.ts";

/**
 * Default init of an evaluated, validated and persisted config (spec plugin-api.md §4.2, from step 2). A run that was cut goes on where it
 * was. Returns as soon as the jobs are started; babel sequences them by their needs. Resolves with the names of all jobs there are for it.
 */
export async function defaultInit(config: PluginConfig, run: RunContext): Promise<readonly string[]> {
  const names = new Set<string>();
  const plan = ({ source }: Decided): readonly PlannedStep[] => {
    const steps = initSteps(config, source, async () => ({ source: await chooseDataSource(config, run) }));
    for (const step of steps) if (step.kind === "job") names.add(step.job.name);
    return steps;
  };
  await runSteps(plan, run);
  return [...names];
}

function initSteps(
  config: PluginConfig,
  source: DataSource | null,
  decide: () => Promise<Partial<Decided>>,
): readonly PlannedStep[] {
  const jobs = (config.init?.jobs ?? []).map((job) => stageJob(job, []));
  const data = dataStageJobs(config, source ?? "none", namesOf(jobs));
  return [
    { kind: "stop_jobs" },
    ...(config.config_files ?? []).map((file) => ({ kind: "render" as const, file })),
    ...started((config.aux_services ?? []).map(auxServiceJob)),
    ...(config.init?.commands ?? []).map((command) => ({
      kind: "command" as const,
      section: "init" as const,
      command,
    })),
    ...started(jobs),
    { kind: "data_stage", decide },
    ...started(data.jobs),
    ...started(config.services.map((service) => serviceJob(service, { needs: data.stage }))),
    ...(config.scheduled ?? []).map((task) => ({ kind: "task" as const, task })),
  ];
}

export const started = (jobs: readonly PlannedJob[]): readonly PlannedStep[] =>
  jobs.map((job) => ({ kind: "job", job }));
