import type { Command, ConfigFile, ScheduledTask } from "../config/model.ts";
import type { PlannedJob } from "../config/plan.ts";
import { policyOf } from "../engine/task-policy.ts";
import { runCommand } from "./actions.ts";
import type { RunContext } from "./context.ts";
import type { Decided, StepRecord } from "./step-journal.ts";
import type { InitStep } from "./steps.ts";

/** A step with all it takes to do it. */
export type PlannedStep =
  | { readonly kind: "stop_jobs" }
  | { readonly kind: "stop_service"; readonly name: string }
  | { readonly kind: "delete_service"; readonly name: string }
  | { readonly kind: "render"; readonly file: ConfigFile }
  | { readonly kind: "command"; readonly section: "init" | "pre_upload"; readonly command: Command }
  | { readonly kind: "job"; readonly job: PlannedJob }
  | { readonly kind: "data_stage" | "choose_services"; readonly decide: () => Promise<Partial<Decided>> }
  | { readonly kind: "task"; readonly task: ScheduledTask };

/** The steps of a run; what follows from something that is not decided yet (`null`) is not among them. */
export type StepPlan = (decided: Decided) => readonly PlannedStep[];

/**
 * Does the steps of a run that its journal does not know as done. What is on record is never done again, so that a host that is killed
 * anywhere starts no job and no command a second time that had ended: only the command that was under way itself runs again. A failure ends
 * the run at its step, where the next one goes on; where a command says that it failed, one before it may be to blame, and all are run again.
 */
export async function runSteps(plan: StepPlan, run: RunContext): Promise<void> {
  const { journal, of, ctx, onStep } = run;
  const before = await journal.read();
  const nothing = { of, done: 0, total: 0, created: false, source: null, services: null };
  let record: StepRecord = before?.of === of ? before : nothing;
  let steps = plan(record);
  const note = async (change: Partial<StepRecord>): Promise<void> => {
    record = { ...record, ...change };
    steps = plan(record);
    record = { ...record, total: steps.length };
    ctx.signal.throwIfAborted();
    const next = steps[record.done];
    await journal.write(record, next && toldOf(next));
  };
  for (let step = steps[record.done]; step !== undefined; step = steps[record.done]) {
    ctx.signal.throwIfAborted();
    await onStep(toldOf(step));
    const decided = await perform(step, run, record.created, () => note({ created: true }));
    await note({ done: record.done + 1, created: false, ...decided });
  }
}

/** Resolves with what it decided. */
async function perform(
  step: PlannedStep,
  run: RunContext,
  isCreated: boolean,
  noteCreated: () => Promise<void>,
): Promise<Partial<Decided>> {
  const { engine, ctx } = run;
  switch (step.kind) {
    case "stop_jobs":
      await engine.stopAllJobs(ctx);
      return {};
    case "stop_service":
      // One that has no job is stopped already.
      if (Object.hasOwn(await engine.getJobs(ctx), step.name)) await engine.stopJob(step.name, ctx);
      return {};
    case "render": {
      const { template, destination, params, mode } = step.file;
      await engine.renderTemplate(template, destination, params, mode, ctx);
      return {};
    }
    case "command":
      await runCommand(run, step.section, step.command);
      return {};
    case "job": {
      const { name, config } = step.job;
      const status = isCreated ? (await engine.getJobs(ctx))[name]?.status : undefined;
      if (status !== undefined && status !== "stopped") return {};
      if (status === undefined) {
        await engine.createJob(name, config, ctx);
        await noteCreated();
      }
      await engine.startJob(name, ctx);
      return {};
    }
    case "delete_service":
      if (Object.hasOwn(await engine.getJobs(ctx), step.name)) await engine.deleteJob(step.name, ctx);
      return {};
    case "data_stage":
    case "choose_services":
      return step.decide();
    case "task": {
      const { name, schedule, function: fn, param } = step.task;
      await engine.addTask(name, schedule, fn, param ?? "", policyOf(step.task), ctx);
      return {};
    }
  }
}

function toldOf(step: PlannedStep): InitStep {
  switch (step.kind) {
    case "render":
      return { kind: "render", destination: step.file.destination };
    case "command": {
      const { section, command } = step;
      return { kind: "command", section, command: typeof command === "string" ? command : command.run };
    }
    case "job":
      return { kind: "job", name: step.job.name };
    case "data_stage":
    case "choose_services":
      return { kind: step.kind };
    case "delete_service":
      return { kind: "stop_service", name: step.name };
    case "task":
      return { kind: "task", name: step.task.name };
    case "stop_jobs":
    case "stop_service":
      return step;
  }
}
