import { isMultiClient, uploadServices } from "../config/archives.ts";
import type { PluginConfig, Service } from "../config/model.ts";
import { multiClientUploadJob, serviceJob, stageJob, UPLOAD_JOB, uploadJob } from "../config/plan.ts";
import { isActive, type JobsInfo } from "../engine/job.ts";
import { PluginError } from "../plugin-error.ts";
import { namesOf, startJobs } from "./actions.ts";
import type { RunContext } from "./context.ts";
import { started } from "./default-init.ts";
import { type PlannedStep, runSteps } from "./run-steps.ts";

/**
 * Default upload (spec plugin-api.md §4.3): services stop, archives are made, services come back when the last stage has ended in any way,
 * and also when a step before failed. One that is given up leaves them to `resumeServices`: nothing can be asked of the node in its name.
 */
export async function defaultUpload(config: PluginConfig, run: RunContext): Promise<void> {
  requireArchive(config);
  refuseSecondUpload(config, await run.engine.getJobs(run.ctx));
  await upload(config, run);
}

async function upload(config: PluginConfig, run: RunContext): Promise<void> {
  try {
    await runSteps(() => uploadSteps(config), run);
  } catch (failure) {
    if (!run.ctx.signal.aborted) await comeBack(config, run, failure);
    throw failure;
  }
}

function uploadSteps(config: PluginConfig): readonly PlannedStep[] {
  const services = usersOfData(config);
  const before = (config.pre_upload?.jobs ?? []).map((job) => stageJob(job, []));
  const archive = (isMultiClient(config) ? multiClientUploadJob : uploadJob)(config, namesOf(before));
  const after = (config.post_upload ?? []).map((job) => stageJob(job, [UPLOAD_JOB]));
  const waitFor = after.length > 0 ? namesOf(after) : [UPLOAD_JOB];
  return [
    ...services.map(({ name }) => ({ kind: "stop_service" as const, name })),
    ...(config.pre_upload?.commands ?? []).map((command) => ({
      kind: "command" as const,
      section: "pre_upload" as const,
      command,
    })),
    ...started([...before, archive, ...after, ...services.map((service) => serviceJob(service, { waitFor }))]),
  ];
}

/**
 * What is left of an upload that did not end in order: because it failed, was given up, or its host was killed. From the job `upload` on it is
 * completed, so that what comes after that job is not lost; before that it is undone, and its services are brought back.
 * Can be repeated, and leaves alone what runs.
 */
export async function resumeServices(config: PluginConfig, run: RunContext): Promise<void> {
  const record = await run.journal.read();
  const steps = uploadSteps(config);
  const archive = steps.findIndex((step) => step.kind === "job" && step.job.name === UPLOAD_JOB);
  const isMade = record !== undefined && (record.done > archive || (record.done === archive && record.created));
  await (isMade && record.of === run.of ? upload(config, run) : bringBack(config, run));
}

/** Services wait for the stages of the upload that go on. */
async function bringBack(config: PluginConfig, run: RunContext): Promise<void> {
  const { engine, ctx } = run;
  const jobs = await engine.getJobs(ctx);
  const waitFor = uploadJobs(config).filter((name) => isActive(jobs[name]?.status));
  for (const service of usersOfData(config)) {
    // One that still runs may be about to stop: asked to start, it comes back after that.
    if (isActive(jobs[service.name]?.status)) await engine.startJob(service.name, ctx);
    else await startJobs(run, [serviceJob(service, { waitFor })]);
  }
}

/** The failure that led here is what the user has to know; a second one is added to it. */
async function comeBack(config: PluginConfig, run: RunContext, failure: unknown): Promise<void> {
  try {
    await run.journal.write(undefined);
    await bringBack(config, run);
  } catch (second) {
    const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
    throw new PluginError(
      "PLUGIN_ENGINE",
      `${text(failure)}; then the services could not be started again: ${text(second)}`,
      { cause: failure },
    );
  }
}

const usersOfData = (config: PluginConfig): readonly Service[] =>
  config.services.filter((service) => service.use_protocol_data);

/** The jobs of all stages of an upload. */
function uploadJobs({ pre_upload, post_upload }: PluginConfig): readonly string[] {
  return [
    ...(pre_upload?.jobs ?? []).map(({ name }) => name),
    UPLOAD_JOB,
    ...(post_upload ?? []).map((job) => job.name),
  ];
}

function requireArchive(config: PluginConfig): void {
  const archived = isMultiClient(config)
    ? uploadServices(config).length > 0
    : config.services.some((service) => service.archive && service.use_protocol_data);
  if (!archived)
    throw new PluginError(
      "PLUGIN_CONFIG",
      "nothing to upload: no service of plugin_config has both archive and use_protocol_data",
    );
}

/** A second upload would tear down the jobs of the first. */
function refuseSecondUpload(config: PluginConfig, jobs: JobsInfo): void {
  const active = uploadJobs(config).find((name) => isActive(jobs[name]?.status));
  if (active === undefined) return;
  throw new PluginError(
    "PLUGIN_ENGINE",
    `an upload is under way already: wait for job \`${active}\` to finish, or stop it`,
  );
}
