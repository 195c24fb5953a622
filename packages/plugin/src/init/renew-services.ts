import { isDeepStrictEqual } from "node:util";
import type { PluginConfig } from "../config/model.ts";
import { auxServiceJob, serviceJob } from "../config/plan.ts";
import { policyOf } from "../engine/task-policy.ts";
import { startJobs } from "./actions.ts";
import type { RunContext } from "./context.ts";
import { chooseDataSource } from "./data-stage.ts";
import { deleteDroppedTasks } from "./leftovers.ts";

/**
 * What changed parameters make of a node whose init is complete (spec host-daemon §4.9, babel-agent T-30): the config is persisted, its files
 * are rendered, services are stopped and defined anew; all other jobs go on, and no command of init runs again. Every step can be repeated.
 * False: nothing was done, because init itself would do something else than before, or data are still to come; it has to run.
 */
export async function renewServices(
  before: PluginConfig | undefined,
  config: PluginConfig,
  digest: string,
  run: RunContext,
): Promise<boolean> {
  if (before === undefined || !isDeepStrictEqual(initOf(before), initOf(config))) return false;
  if ((await chooseDataSource(config, run)) !== "none") return false;
  const { engine, ctx, onStep } = run;
  const known = Object.keys(await engine.getJobs(ctx));
  const services = servicesOf(config);
  const all = [...new Set([...servicesOf(before), ...services])].filter((name) => known.includes(name));
  for (const name of all.reverse()) {
    await onStep({ kind: "stop_service", name });
    await engine.stopJob(name, ctx);
    if (!services.includes(name)) await engine.deleteJob(name, ctx);
  }
  await deleteDroppedTasks(engine, before, config, ctx);
  await engine.saveConfig(config, digest, ctx);
  for (const { template, destination, params, mode } of config.config_files ?? []) {
    await onStep({ kind: "render", destination });
    await engine.renderTemplate(template, destination, params, mode, ctx);
  }
  const needs = (config.init?.jobs ?? []).map(({ name }) => name);
  await startJobs(run, (config.aux_services ?? []).map(auxServiceJob));
  await startJobs(
    run,
    config.services.map((service) => serviceJob(service, { needs })),
  );
  for (const task of config.scheduled ?? []) {
    await onStep({ kind: "task", name: task.name });
    await engine.addTask(task.name, task.schedule, task.function, task.param ?? "", policyOf(task), ctx);
  }
  return true;
}

/** What only init does. */
function initOf({ init, alternative_download, cold_init, post_download }: PluginConfig): unknown {
  return { init, alternative_download, cold_init, post_download };
}

function servicesOf({ aux_services: aux, services }: PluginConfig): readonly string[] {
  return [...(aux ?? []), ...services].map(({ name }) => name);
}
