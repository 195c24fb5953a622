import { chown, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../errno.ts";
import { accountNamed } from "../process/accounts.ts";
import { monotonicMs } from "../process/identity.ts";
import { oomKills } from "../process/oom.ts";
import { randomId } from "../process/random-id.ts";
import { endRun, processesOfRun } from "../process/run-processes.ts";
import { type JobConfig, shutdownSignal, shutdownTimeoutMs } from "./config.ts";
import { failureFile, resultFile } from "./program.ts";
import { type JobRecord, loadRecord, type RunRecord } from "./record.ts";
import * as runs from "./run.ts";

export const newRun = (number: number, boot: string): RunRecord => ({
  number,
  id: randomId(),
  boot,
  startedAt: Date.now(),
  startedMonotonicMs: monotonicMs(),
  oomKills: oomKills(),
});

/** Of the newest run that is known of. */
export const numberOf = async (record: JobRecord | undefined, folder: string): Promise<number> =>
  Math.max(record?.runs ?? 0, await runs.lastNumber(folder));

/** Ends processes that outlived a run, and forgets the run; its log is complete then. (§3.3, D3-09) */
export async function endLeftovers(
  run: RunRecord | undefined,
  config: JobConfig,
  jobFolder: string,
  boot: string,
): Promise<void> {
  if (run === undefined) return;
  const folder = runs.runFolder(jobFolder, run.number);
  if (run.boot === boot) {
    const mark = { runId: run.id, leader: runs.payloadIdentity(folder) };
    await endRun(mark, { signal: shutdownSignal(config), patienceMs: shutdownTimeoutMs(config) });
    await runs.drained(folder);
  }
  await runs.forgetRun(folder);
}

/** What a job whose config was lost left running. */
export async function endForgotten(folder: string, config: JobConfig, boot: string): Promise<void> {
  await endLeftovers((await loadRecord(join(folder, "status.json")))?.lastRun, config, folder, boot);
}

/** Whether processes outlived a run that has ended. */
export function hasLeftovers(run: RunRecord | undefined, jobFolder: string, boot: string): boolean {
  if (run === undefined || run.boot !== boot) return false;
  const leader = runs.payloadIdentity(runs.runFolder(jobFolder, run.number));
  return processesOfRun({ runId: run.id, leader }).length > 0;
}

/** Nothing of an earlier attempt is taken for this one's, and a job that is not root may write its progress. (D3-10) */
export async function prepareFolder(jobFolder: string, config: JobConfig, root: string): Promise<void> {
  for (const stale of [failureFile(jobFolder), resultFile(jobFolder)]) await rm(stale, { force: true });
  const account = config.run_as && (await accountNamed(root, config.run_as));
  if (!account) return;
  const progress = join(jobFolder, "progress.json");
  await writeFile(progress, "", { flag: "wx" }).catch((error: unknown) => {
    if (errnoOf(error) !== "EEXIST") throw error;
  });
  await chown(progress, account.uid, account.gid);
}
