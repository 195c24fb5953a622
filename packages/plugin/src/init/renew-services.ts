import { posix } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { PluginConfig } from "../config/model.ts";
import { auxServiceJob, type PlannedJob, serviceJob } from "../config/plan.ts";
import { namesOf } from "./actions.ts";
import type { RunContext } from "./context.ts";
import { chooseDataSource } from "./data-stage.ts";
import { started } from "./default-init.ts";
import { deleteDroppedTasks } from "./leftovers.ts";
import { type PlannedStep, runSteps } from "./run-steps.ts";

/** What changed since services were defined: something that jobs have in their environment, or the scripts. */
export type Changed = "parameters" | "name" | "scripts";

/**
 * What another config makes of a node whose init is complete (spec host-daemon §4.9, plugin-api §1 and §4 Do better, babel-agent T-30): services that
 * the change concerns are stopped, files are rendered, these services are defined anew, those that the config has no more are deleted, and
 * the config is persisted; all other jobs go on, and no command of init runs again. A run that was cut goes on where it was.
 * False: nothing was done, because init itself would do something else than before, or data are still to come; it has to run.
 */
export async function renewServices(
  changed: Changed,
  before: PluginConfig | undefined,
  config: PluginConfig,
  digest: string,
  run: RunContext,
): Promise<boolean> {
  if (before === undefined || !isDeepStrictEqual(initOf(before), initOf(config))) return false;
  if ((await chooseDataSource(config, run)) !== "none") return false;
  const concerned = () => concernedBy(changed, before, config, run);
  try {
    await runSteps(({ services }) => renewalSteps(before, config, services, concerned), run);
  } catch (error) {
    // Other changes are tried again until they succeed.
    if (changed === "scripts" && !run.ctx.signal.aborted) await comeBack(run).catch(() => {});
    throw error;
  }
  await deleteDroppedTasks(run.engine, before, config, run.ctx);
  await run.engine.saveConfig(config, digest, run.ctx);
  await run.engine.saveApplied(config, digest, run.ctx);
  return true;
}

function renewalSteps(
  before: PluginConfig,
  config: PluginConfig,
  services: readonly string[] | null,
  concernedNow: () => Promise<readonly PlannedJob[]>,
): readonly PlannedStep[] {
  const wanted = jobsOf(config);
  const decide = async () => ({ services: namesOf(await concernedNow()) });
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

/** What a run that failed has stopped, and not defined anew: an edit that is no good costs no service. */
async function comeBack({ engine, journal, of, ctx }: RunContext): Promise<void> {
  const record = await journal.read();
  const jobs = await engine.getJobs(ctx);
  for (const name of record?.of === of ? (record.services ?? []) : []) {
    if (jobs[name]?.status === "stopped") await engine.startJob(name, ctx);
  }
}

/**
 * Services that do not run by this config, or may read what changed: a file that is rendered otherwise, or what the node tells in their
 * environment. A change of that which shows nowhere can only be meant for the environment, which is that of all.
 */
async function concernedBy(
  changed: Changed,
  before: PluginConfig,
  config: PluginConfig,
  { engine, ctx }: RunContext,
): Promise<readonly PlannedJob[]> {
  const wanted = jobsOf(config);
  const concerned = new Set<PlannedJob>();
  for (const { template, destination, params, mode } of config.config_files ?? []) {
    const isOther = await engine.wouldRender(template, destination, params, mode, ctx);
    if (isOther) for (const job of readersOf(destination, wanted)) concerned.add(job);
  }
  for (const job of wanted) {
    const found = await engine.compareJob(job.name, job.config, ctx);
    // Whom a person stopped an edit does not start. (T-10)
    const goesOn = found === "active" || (found === "idle" && changed === "scripts");
    if (!goesOn || toldBy[changed]?.test(bodyOf(job))) concerned.add(job);
  }
  const isHidden = changed !== "scripts" && concerned.size === 0 && isDeepStrictEqual(before, config);
  return isHidden ? wanted : wanted.filter((job) => concerned.has(job));
}

/**
 * Those that name a file, and those that name the folder it lies in, in what they run. All where none names the file itself: a wrapper may
 * read it, which a service that names the folder says nothing about, and to start one too many costs less than one with an old file.
 */
function readersOf(destination: string, wanted: readonly PlannedJob[]): readonly PlannedJob[] {
  if (!wanted.some((job) => names(job, destination))) return wanted;
  const folder = posix.dirname(destination);
  // Folders of everybody, such as /etc, say nothing.
  const isOwn = posix.dirname(folder) !== "/";
  return wanted.filter((job) => names(job, destination) || (isOwn && bodyOf(job).includes(folder)));
}

/** Whether what a job runs has exactly this path, not a longer one. */
function names(job: PlannedJob, path: string): boolean {
  const around = bodyOf(job).split(path);
  return around.slice(1).some((after, before) => {
    const isBegun = /[\w./-]$/.test(around[before] ?? "");
    return !isBegun && !/^(?:[\w/-]|\.\w)/.test(after);
  });
}

/** What the agent gives to jobs: each parameter as `BV_PROP_<KEY>`, and the name of the node (babel-agent §1.5, D1-12). Parameters may change with a name. */
const toldBy = {
  parameters: /\bBV_PROP_/,
  name: /\b(BV_PROP_|NODE_NAME\b)/,
  scripts: undefined,
} satisfies Record<Changed, RegExp | undefined>;

const bodyOf = ({ config: { job_type: type } }: PlannedJob): string => ("run_sh" in type ? type.run_sh : "");

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
