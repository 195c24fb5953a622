import { isMultiClient, uploadServices } from "../config/archives.ts";
import type { PluginConfig, Service } from "../config/model.ts";
import { multiClientUploadJob, type Stage, serviceJob, stageJob, UPLOAD_JOB, uploadJob } from "../config/plan.ts";
import type { JobsInfo } from "../engine/job.ts";
import { PluginError } from "../plugin-error.ts";
import { runCommands, startJobs } from "./actions.ts";
import type { RunContext } from "./context.ts";

/**
 * Default upload (spec plugin-api.md §4.3): services stop, archives are made, services come back when the last stage has ended in any way,
 * and also when a step before failed.
 */
export async function defaultUpload(config: PluginConfig, run: RunContext): Promise<void> {
  const { engine, ctx, onStep } = run;
  requireArchive(config);
  const jobs = await engine.getJobs(ctx);
  refuseSecondUpload(jobs);
  const services = config.services.filter((service) => service.use_protocol_data);
  let stage: Stage = [];
  try {
    for (const { name } of services) {
      // A service that has no job is stopped already.
      if (!Object.hasOwn(jobs, name)) continue;
      await onStep({ kind: "stop_service", name });
      await engine.stopJob(name, ctx);
    }
    await runCommands(run, "pre_upload", config.pre_upload?.commands ?? []);
    const preUpload = (config.pre_upload?.jobs ?? []).map((job) => stageJob(job, []));
    stage = await startJobs(run, preUpload);
    const upload = isMultiClient(config) ? multiClientUploadJob(config, stage) : uploadJob(config, stage);
    stage = await startJobs(run, [upload]);
    const postUpload = (config.post_upload ?? []).map((job) => stageJob(job, [UPLOAD_JOB]));
    const postStage = await startJobs(run, postUpload);
    if (postStage.length > 0) stage = postStage;
  } catch (failure) {
    await restart(run, services, stage, failure);
    throw failure;
  }
  await startJobs(
    run,
    services.map((service) => serviceJob(service, { waitFor: stage })),
  );
}

/** The failure that led here is what the user has to know; a second one is added to it. */
async function restart(run: RunContext, services: readonly Service[], stage: Stage, failure: unknown): Promise<void> {
  try {
    await startJobs(
      run,
      services.map((service) => serviceJob(service, { waitFor: stage })),
    );
  } catch (second) {
    const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
    throw new PluginError(
      "PLUGIN_ENGINE",
      `${text(failure)}; then the services could not be started again: ${text(second)}`,
      { cause: failure },
    );
  }
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
function refuseSecondUpload(jobs: JobsInfo): void {
  const status = jobs[UPLOAD_JOB]?.status;
  if (status === undefined || status === "stopped" || (typeof status === "object" && "finished" in status)) return;
  throw new PluginError("PLUGIN_ENGINE", "an upload is under way already: wait for job `upload` to finish, or stop it");
}
