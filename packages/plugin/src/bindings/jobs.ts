import { type CallContext, type RhaiMap, t } from "@blockvisor/rhai";
import type { JobInfo, JobsInfo } from "../engine/job.ts";
import { jobConfig } from "../engine/read-job.ts";
import { valueFromJson } from "../values/from-json.ts";
import { ask, convert } from "./binding.ts";
import type { BridgeMethod, EngineBridge } from "./bridge.ts";
import type { BindingTarget } from "./target.ts";

/** Jobs (spec plugin-api.md §2.2). */
export function registerJobs(engine: BindingTarget, bridge: EngineBridge): void {
  const create = (ctx: CallContext, name: string, config: RhaiMap): void => {
    const trimmed = name.trim();
    if (trimmed === "") throw ctx.error("create_job failed: empty job name is not allowed");
    ask(ctx, bridge, "createJob", trimmed, convert(jobConfig, config));
  };
  engine.registerFn("create_job", [t.string, t.map], (ctx, name: string, config: RhaiMap) => {
    create(ctx, name, config);
    return undefined;
  });
  engine.registerFn("start_job", [t.string, t.map], (ctx, name: string, config: RhaiMap) => {
    create(ctx, name, config);
    ask(ctx, bridge, "startJob", name.trim());
    return undefined;
  });
  const register = (name: string, method: BridgeMethod): void => {
    engine.registerFn(name, [t.string], (ctx, job: string) => {
      ask(ctx, bridge, method, job.trim());
      return undefined;
    });
  };
  register("start_job", "startJob");
  register("stop_job", "stopJob");
  register("cleanup_job", "cleanupJob");
  engine.registerFn("stop_all_jobs", [], (ctx) => {
    ask(ctx, bridge, "stopAllJobs");
    return undefined;
  });
  const info = (ctx: CallContext, name: string) => ask(ctx, bridge, "jobInfo", name.trim()) as JobInfo;
  engine.registerFn("job_info", [t.string], (ctx, name: string) => valueFromJson(forScripts(info(ctx, name))));
  engine.registerFn("job_status", [t.string], (ctx, name: string) => valueFromJson(info(ctx, name).status));
  engine.registerFn("get_jobs", [], (ctx) => {
    const jobs = Object.entries(ask(ctx, bridge, "getJobs") as JobsInfo);
    return valueFromJson(Object.fromEntries(jobs.map(([name, job]) => [name, forScripts(job)])));
  });
}

/** With what scripts would otherwise have to dig for (spec plugin-api.md §5 Do better). */
function forScripts(job: JobInfo) {
  const { status, timestamp } = job;
  const [name = ""] = typeof status === "string" ? [status] : Object.keys(status);
  const exitCode = typeof status === "object" && "finished" in status ? status.finished.exit_code : null;
  const more = { timestamp_secs: timestamp.secs_since_epoch, status_name: name, exit_code: exitCode };
  return { ...job, ...more, stage: job.stage ?? null };
}
