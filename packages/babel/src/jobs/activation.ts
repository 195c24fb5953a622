import { join } from "node:path";
import { ensureFolder, readBounded } from "../files/durable.ts";
import { flushFileSystem } from "../files/flush.ts";
import type { JobConfig } from "./config.ts";
import { archiveOneTime, isInterrupted, loadOneTime, STARTED_NOT_FINISHED, saveOneTime } from "./one-time.ts";
import { isArchive, isUpload, resultFile } from "./program.ts";
import type { Surroundings } from "./surroundings.ts";

/** How a job finishes. */
export type End = { readonly exitCode: number | null; readonly message: string };
export type Activation = { readonly kind: "run" } | ({ readonly kind: "done" } & End);

/** Name that is reserved for whatever fills the protocol data. (§3.11) */
const DOWNLOAD = "download";

/**
 * Once per start of a job, before its first run: one-time jobs run at most once in the node's life (§3.8) - unless the run was cut and
 * their restart policy says that failures may be repeated (plugin-api §4) -, protocol data is marked as used, or as being filled, and
 * nothing may use it half filled (D2-16).
 */
export async function activation(name: string, config: JobConfig, around: Surroundings): Promise<Activation> {
  const oneTime = join(around.protocolData.folder, name);
  if (config.one_time === true) {
    const before = await loadOneTime(oneTime);
    const again = before === undefined || (isInterrupted(before) && mayBeRepeated(config));
    if (!again) return { kind: "done", ...before };
  }
  const data = await around.protocolData.read();
  const source = dataSource(name, config);
  // Services with archives of their own come and go; what became of each one's data is known to the job itself. (§4.6, D4-14)
  const whole = source !== undefined && !("multi_client_download" in config.job_type);
  if (whole && isArchive(config) && data.initialized) {
    return { kind: "done", exitCode: 0, message: `job '${name}' finished` };
  }
  // Init may ask again, so that what comes after the data can run; the data is not fetched or made a second time.
  if (whole && data.complete !== undefined && !data.incomplete) {
    return { kind: "done", exitCode: 0, message: "the protocol data is complete already" };
  }
  // What an upload would publish everybody else downloads.
  const reads = config.use_protocol_data === true || isUpload(config);
  if (reads && data.incomplete && source === undefined) {
    return { kind: "done", exitCode: null, message: incompleteMessage(name) };
  }
  if (config.one_time === true) await saveOneTime(oneTime, STARTED_NOT_FINISHED);
  if (source !== undefined) await around.protocolData.begin(name);
  if (config.use_protocol_data === true) await around.protocolData.touch();
  return { kind: "run" };
}

/** Its author says that it may run again after a run that did not succeed. */
export const mayBeRepeated = ({ restart }: JobConfig): boolean =>
  typeof restart === "object" && "on_failure" in restart;

const incompleteMessage = (name: string): string =>
  `job '${name}' uses protocol data, but that is incomplete: its download was begun and has not finished; ` +
  "start the download job again, or clean it up";

/**
 * The job has finished for good: what it did is recorded where it outlives the node's upgrades. Returns how it finished; a job is no success
 * when what it brought did not get to the disk.
 */
export async function settleActivation(
  name: string,
  config: JobConfig,
  reported: End,
  jobFolder: string,
  around: Surroundings,
): Promise<End> {
  const source = dataSource(name, config);
  const filled = source !== undefined && reported.exitCode === 0;
  const fault = filled ? await syncData(around) : undefined;
  const end = fault === undefined ? reported : { exitCode: null, message: unwrittenMessage(name, fault) };
  if (filled && fault === undefined) {
    await around.protocolData.finish({ ...(await resultOf(jobFolder)), source, finished_at: Date.now() });
  }
  if (config.one_time === true && (end.exitCode !== null || end.message !== "")) {
    await archiveOneTime(join(around.protocolData.folder, name), jobFolder, end);
  }
  return end;
}

const unwrittenMessage = (name: string, fault: string): string =>
  `job '${name}' succeeded, but its data could not be written to the disk: ${fault}; ` +
  "see the kernel's log for the disk, then clean the job up and start it again";

/** How a job fills the protocol data, or undefined if it does not. */
export function dataSource(name: string, config: JobConfig): string | undefined {
  if (isArchive(config)) return isUpload(config) ? undefined : "download";
  return config.initializes_protocol_data ?? (name === DOWNLOAD ? "alternative-download" : undefined);
}

/** An archive job says what it fetched in `result.json`. */
async function resultOf(jobFolder: string): Promise<{ store_key: string; data_version: number; total_size: number }> {
  const content = (await readBounded(resultFile(jobFolder), 64 * 1024))?.toString("utf8");
  const none = { store_key: "", data_version: 0, total_size: 0 };
  if (content === undefined) return none;
  try {
    const { store_key, data_version, total_size } = JSON.parse(content) as Partial<typeof none>;
    return { store_key: store_key ?? "", data_version: data_version ?? 0, total_size: total_size ?? 0 };
  } catch {
    return none;
  }
}

/** A script does not fsync what it downloads; the record must not outlive the data. Returns why it could not be done. */
async function syncData({ toolbox, protocolData }: Surroundings): Promise<string | undefined> {
  await ensureFolder(protocolData.folder);
  const flushed = await flushFileSystem(protocolData.folder, toolbox.busybox);
  if (flushed.kind === "flushed") return undefined;
  return flushed.kind === "failed" ? flushed.reason : "sync was interrupted";
}
