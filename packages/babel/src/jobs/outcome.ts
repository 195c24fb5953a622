import type { Outcome } from "@blockvisor/jobs";
import { readBounded } from "../files/durable.ts";
import { oomKills } from "../process/oom.ts";
import type { JobConfig } from "./config.ts";
import { FINAL_STATUS, failureFile, isArchive } from "./program.ts";
import type { RunEnd, RunRecord } from "./record.ts";
import type { RunResult } from "./run.ts";

const FAILURE_LIMIT = 4096;
/** What a shell exits with when SIGKILL ended the program it waited for. */
const KILLED = 128 + 9;

/** What the end of a run means for its job: memory that ran out, and the reason an archive process left, are found here. */
export async function outcomeOf(
  run: RunRecord,
  result: RunResult,
  config: JobConfig,
  jobFolder: string,
): Promise<Outcome> {
  if (result.kind === "lost") return result;
  const killed = result.kind === "killed" ? result.signal === "SIGKILL" : result.code === KILLED;
  const outOfMemory = killed && oomKills() > run.oomKills;
  if (result.kind === "killed") return { kind: "killed", signal: result.signal, outOfMemory };
  if (!isArchive(config) || result.code === 0) return { kind: "exited", code: result.code, message: "", outOfMemory };
  const message = (await readBounded(failureFile(jobFolder), FAILURE_LIMIT))?.toString("utf8").trim();
  const final = result.code === FINAL_STATUS;
  return { kind: "exited", code: -1, message: message || `exited with code ${result.code}`, final };
}

export function endOf(outcome: Outcome): RunEnd {
  return {
    at: Date.now(),
    exitCode: outcome.kind === "exited" ? outcome.code : null,
    signal: outcome.kind === "killed" ? outcome.signal : "",
    outOfMemory: outcome.kind !== "lost" && outcome.outOfMemory === true,
  };
}
