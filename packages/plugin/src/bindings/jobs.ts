import { type CallContext, type RhaiMap, t } from "@blockvisor/rhai";
import type { JobInfo } from "../engine/job.ts";
import { jobConfig } from "../engine/read-job.ts";
import { valueFromJson } from "../values/from-json.ts";
import { ask, convert } from "./binding.ts";
import type { EngineBridge } from "./bridge.ts";
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
  engine.registerFn("start_job", [t.string], (ctx, name: string) => {
    ask(ctx, bridge, "startJob", name);
    return undefined;
  });
  engine.registerFn("stop_job", [t.string], (ctx, name: string) => {
    ask(ctx, bridge, "stopJob", name);
    return undefined;
  });
  engine.registerFn("stop_all_jobs", [], (ctx) => {
    ask(ctx, bridge, "stopAllJobs");
    return undefined;
  });
  engine.registerFn("cleanup_job", [t.string], (ctx, name: string) => {
    ask(ctx, bridge, "cleanupJob", name);
    return undefined;
  });
  engine.registerFn("job_info", [t.string], (ctx, name: string) => valueFromJson(ask(ctx, bridge, "jobInfo", name)));
  engine.registerFn("job_status", [t.string], (ctx, name: string) =>
    valueFromJson((ask(ctx, bridge, "jobInfo", name) as JobInfo).status),
  );
  engine.registerFn("get_jobs", [], (ctx) => valueFromJson(ask(ctx, bridge, "getJobs")));
}
