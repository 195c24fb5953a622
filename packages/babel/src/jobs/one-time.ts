import { cp, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { ensureFolder, readBounded, replaceFile, syncFolder } from "../files/durable.ts";
import { tailOfLog } from "../logs/tail.ts";

/** What is remembered of a one-time job, on the data volume, through every upgrade of the node. (§3.8) */
export type OneTimeRecord = { readonly exitCode: number | null; readonly message: string };

export const STARTED_NOT_FINISHED: OneTimeRecord = {
  exitCode: null,
  message: "one-time job started, but not finished",
};

/** Whether that is all there is to say: the run was cut, by a stop or a crash. */
export const isInterrupted = ({ exitCode, message }: OneTimeRecord): boolean =>
  exitCode === STARTED_NOT_FINISHED.exitCode && message === STARTED_NOT_FINISHED.message;

const STATUS_LIMIT = 64 * 1024;
const LOG_LIMIT = 1024 * 1024;

export async function loadOneTime(folder: string): Promise<OneTimeRecord | undefined> {
  const text = await readBounded(join(folder, "status.json"), STATUS_LIMIT);
  if (text === undefined) return undefined;
  try {
    const { finished } = JSON.parse(text.toString("utf8")) as {
      finished: { exit_code: number | null; message: string };
    };
    return { exitCode: finished.exit_code, message: finished.message };
  } catch {
    // Whatever it says, the job was started once.
    return STARTED_NOT_FINISHED;
  }
}

export async function saveOneTime(folder: string, record: OneTimeRecord): Promise<void> {
  await ensureFolder(folder);
  const status = { finished: { exit_code: record.exitCode, message: record.message } };
  await replaceFile(join(folder, "status.json"), JSON.stringify(status));
}

/** The job has not run then. The record goes first: without it, what else is left says nothing. */
export async function forgetOneTime(folder: string): Promise<void> {
  await ensureFolder(folder);
  await rm(join(folder, "status.json"), { force: true });
  await syncFolder(folder);
  await rm(join(folder, "details"), { recursive: true, force: true });
}

/** The result, with config, progress and the end of the log for whoever looks later. (D3-18) */
export async function archiveOneTime(folder: string, jobFolder: string, record: OneTimeRecord): Promise<void> {
  await ensureFolder(folder);
  const staged = `${folder}.details.tmp`;
  await rm(staged, { recursive: true, force: true });
  await mkdir(staged, { recursive: true });
  for (const name of ["config.json", "progress.json"]) {
    await cp(join(jobFolder, name), join(staged, name)).catch(() => undefined);
  }
  await replaceFile(join(staged, "log"), await tailOfLog(join(jobFolder, "log"), LOG_LIMIT));
  await rm(join(folder, "details"), { recursive: true, force: true });
  await rename(staged, join(folder, "details"));
  await syncFolder(folder);
  await saveOneTime(folder, record);
}
