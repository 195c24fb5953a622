import { isDeepStrictEqual } from "node:util";
import type { PluginConfig } from "../config/model.ts";
import { auxServiceJob, type PlannedJob, serviceJob } from "../config/plan.ts";
import { namesOf } from "./actions.ts";
import type { RunContext } from "./context.ts";
import { chooseDataSource } from "./data-stage.ts";
import { started } from "./default-init.ts";
import { deleteDroppedTasks } from "./leftovers.ts";
import { type PlannedStep, runSteps } from "./run-steps.ts";

/**
 * What changed parameters make of a node whose init is complete (spec host-daemon §4.9, babel-agent T-30): services that the change concerns are
 * stopped, files are rendered, these services are defined anew, and the config is persisted; all other jobs go on, and no command of init
 * runs again. A run that was cut goes on where it was.
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
  await runSteps(({ services }) => renewalSteps(before, config, services, run), run);
  await deleteDroppedTasks(run.engine, before, config, run.ctx);
  await run.engine.saveConfig(config, digest, run.ctx);
  return true;
}

function renewalSteps(
  before: PluginConfig,
  config: PluginConfig,
  services: readonly string[] | null,
  run: RunContext,
): readonly PlannedStep[] {
  const wanted = jobsOf(config);
  const decide = async () => ({ services: namesOf(await concernedBy(before, config, wanted, run)) });
  const dropped = namesOf(jobsOf(before)).filter((name) => !namesOf(wanted).includes(name));
  const concerned = wanted.filter(({ name }) => services?.includes(name));
  return [
    { kind: "choose_services", decide },
    ...dropped.map((name) => ({ kind: "delete_service" as const, name })),
    ...namesOf(concerned)
      .toReversed()
      .map((name) => ({ kind: "stop_service" as const, name })),
    ...(config.config_files ?? []).map((file) => ({ kind: "render" as const, file })),
    ...started(concerned),
    ...(config.scheduled ?? []).map((task) => ({ kind: "task" as const, task })),
  ];
}

/**
 * Services that do not run by this config, or may read what changed: all of them when a file changes, as nothing says who reads it, and those
 * that name parameters in what they run. A change that shows nowhere can only be meant for the environment, which is that of all.
 */
async function concernedBy(
  before: PluginConfig,
  config: PluginConfig,
  wanted: readonly PlannedJob[],
  { engine, ctx }: RunContext,
): Promise<readonly PlannedJob[]> {
  for (const { template, destination, params, mode } of config.config_files ?? []) {
    if (await engine.wouldRender(template, destination, params, mode, ctx)) return wanted;
  }
  const concerned: PlannedJob[] = [];
  for (const job of wanted) {
    const goesOn = !readsParameters(job) && (await engine.runsBy(job.name, job.config, ctx));
    if (!goesOn) concerned.push(job);
  }
  return concerned.length === 0 && isDeepStrictEqual(before, config) ? wanted : concerned;
}

/** The agent gives each parameter to jobs as `BV_PROP_<KEY>` (babel-agent D1-12). */
const readsParameters = ({ config: { job_type: type } }: PlannedJob): boolean =>
  "run_sh" in type && type.run_sh.includes("BV_PROP_");

function jobsOf(config: PluginConfig): readonly PlannedJob[] {
  const needs = (config.init?.jobs ?? []).map(({ name }) => name);
  return [
    ...(config.aux_services ?? []).map(auxServiceJob),
    ...config.services.map((service) => serviceJob(service, { needs })),
  ];
}

/** What only init does. */
function initOf({ init, alternative_download, cold_init, post_download }: PluginConfig): unknown {
  return { init, alternative_download, cold_init, post_download };
}
