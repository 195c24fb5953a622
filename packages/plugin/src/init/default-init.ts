import type { PluginConfig } from "../config/model.ts";
import { auxServiceJob, serviceJob, stageJob } from "../config/plan.ts";
import { policyOf } from "../engine/task-policy.ts";
import { runCommands, startJobs } from "./actions.ts";
import type { RunContext } from "./context.ts";
import { chooseDataSource, dataStageJobs } from "./data-stage.ts";

/**
 * Default init of an evaluated, validated and persisted config (spec plugin-api.md §4.2, from step 2). Every step can be repeated, so a
 * run that was cut is simply run again. Returns as soon as the jobs are started; babel sequences them by their needs.
 */
export async function defaultInit(config: PluginConfig, run: RunContext): Promise<void> {
  const { engine, ctx, onStep } = run;
  await onStep({ kind: "stop_jobs" });
  await engine.stopAllJobs(ctx);
  for (const { template, destination, params, mode } of config.config_files ?? []) {
    await onStep({ kind: "render", destination });
    await engine.renderTemplate(template, destination, params, mode, ctx);
  }
  await startJobs(run, (config.aux_services ?? []).map(auxServiceJob));
  await runCommands(run, "init", config.init?.commands ?? []);
  const initStage = await startJobs(
    run,
    (config.init?.jobs ?? []).map((job) => stageJob(job, [])),
  );
  await onStep({ kind: "data_stage" });
  const data = dataStageJobs(config, await chooseDataSource(config, run), initStage);
  await startJobs(run, data.jobs);
  await startJobs(
    run,
    config.services.map((service) => serviceJob(service, { needs: data.stage })),
  );
  for (const task of config.scheduled ?? []) {
    await onStep({ kind: "task", name: task.name });
    await engine.addTask(task.name, task.schedule, task.function, task.param ?? "", policyOf(task), ctx);
  }
}
