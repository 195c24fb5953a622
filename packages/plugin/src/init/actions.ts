import type { Command } from "../config/model.ts";
import type { PlannedJob, Stage } from "../config/plan.ts";
import { PluginError } from "../plugin-error.ts";
import type { RunContext } from "./context.ts";

/** Time a command of init or pre_upload may take that says nothing else. */
const COMMAND_TIMEOUT_MS = 15_000;

/** Most characters of a failed command's output that go into the error. */
const SHOWN_OUTPUT = 500;

export async function runCommand(
  { engine, ctx, journal }: RunContext,
  section: "init" | "pre_upload",
  given: Command,
): Promise<void> {
  const { run: command, timeout } = typeof given === "string" ? { run: given, timeout: null } : given;
  const timeoutMs = timeout === null ? COMMAND_TIMEOUT_MS : timeout * 1000;
  const { exitCode, stdout, stderr } = await engine.runSh(command, { timeoutMs }, ctx);
  if (exitCode === 0) return;
  await journal.write(undefined);
  const output = (stderr.trim() || stdout.trim()).slice(-SHOWN_OUTPUT);
  const message = `${section} command '${command}' failed with exit_code: ${exitCode}${output === "" ? "" : ` - ${output}`}`;
  throw new PluginError("PLUGIN_ENGINE", message);
}

/** Creates and starts jobs in order; they run when what they need is done. Returns their names. */
export async function startJobs({ engine, ctx, onStep }: RunContext, jobs: readonly PlannedJob[]): Promise<Stage> {
  for (const { name, config } of jobs) {
    await onStep({ kind: "job", name });
    await engine.createJob(name, config, ctx);
    await engine.startJob(name, ctx);
  }
  return namesOf(jobs);
}

export const namesOf = (jobs: readonly PlannedJob[]): Stage => jobs.map(({ name }) => name);
