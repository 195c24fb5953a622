import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { readBounded } from "../files/durable.ts";
import type { JobConfig } from "./config.ts";
import { archiveOneTime, loadOneTime, STARTED_NOT_FINISHED, saveOneTime } from "./one-time.ts";
import { isArchive } from "./program.ts";
import type { Surroundings } from "./surroundings.ts";

export type Activation =
  | { readonly kind: "run" }
  | { readonly kind: "done"; readonly exitCode: number | null; readonly message: string };

/** Name that is reserved for whatever fills the protocol data. (§3.11) */
const DOWNLOAD = "download";

/**
 * Once per start of a job, before its first run: one-time jobs run at most once in the node's life (§3.8), protocol data is marked
 * as used, or as being filled, and nothing may use it half filled (D2-16).
 */
export async function activation(name: string, config: JobConfig, around: Surroundings): Promise<Activation> {
  const oneTime = join(around.protocolData.folder, name);
  if (config.one_time === true) {
    const before = await loadOneTime(oneTime);
    if (before !== undefined) return { kind: "done", ...before };
  }
  const data = await around.protocolData.read();
  const source = dataSource(name, config);
  if (isArchiveDownload(config) && data.initialized) {
    return { kind: "done", exitCode: 0, message: `job '${name}' finished` };
  }
  // Init may ask again, so that what comes after the data can run; the data is not fetched or made a second time.
  if (source !== undefined && data.complete !== undefined && !data.incomplete) {
    return { kind: "done", exitCode: 0, message: "the protocol data is complete already" };
  }
  if (config.use_protocol_data === true && data.incomplete && source === undefined) {
    return { kind: "done", exitCode: null, message: incompleteMessage(name) };
  }
  if (config.one_time === true) await saveOneTime(oneTime, STARTED_NOT_FINISHED);
  if (source !== undefined) await around.protocolData.begin(name);
  if (config.use_protocol_data === true) await around.protocolData.touch();
  return { kind: "run" };
}

const incompleteMessage = (name: string): string =>
  `job '${name}' uses protocol data, but that is incomplete: its download was begun and has not finished; ` +
  "start the download job again, or clean it up";

/** The job has finished for good: what it did is recorded where it outlives the node's upgrades. */
export async function settleActivation(
  name: string,
  config: JobConfig,
  exitCode: number | null,
  jobFolder: string,
  around: Surroundings,
  message = "",
): Promise<void> {
  const source = dataSource(name, config);
  if (source !== undefined && exitCode === 0) {
    await syncData(around);
    await around.protocolData.finish({ ...(await resultOf(jobFolder)), source, finished_at: Date.now() });
  }
  if (config.one_time !== true || (exitCode === null && message === "")) return;
  await archiveOneTime(join(around.protocolData.folder, name), jobFolder, { exitCode, message });
}

/** How a job fills the protocol data, or undefined if it does not. */
export function dataSource(name: string, config: JobConfig): string | undefined {
  if (isArchiveDownload(config)) return "download";
  if (isArchive(config)) return undefined;
  return config.initializes_protocol_data ?? (name === DOWNLOAD ? "alternative-download" : undefined);
}

const isArchiveDownload = (config: JobConfig): boolean =>
  "download" in config.job_type || "multi_client_download" in config.job_type;

/** An archive job says what it fetched in `result.json`. */
async function resultOf(jobFolder: string): Promise<{ store_key: string; data_version: number; total_size: number }> {
  const text = (await readBounded(join(jobFolder, "result.json"), 64 * 1024))?.toString("utf8");
  const none = { store_key: "", data_version: 0, total_size: 0 };
  if (text === undefined) return none;
  try {
    const { store_key, data_version, total_size } = JSON.parse(text) as Partial<typeof none>;
    return { store_key: store_key ?? "", data_version: data_version ?? 0, total_size: total_size ?? 0 };
  } catch {
    return none;
  }
}

/** A script does not fsync what it downloads; the record must not outlive the data. */
async function syncData(around: Surroundings): Promise<void> {
  const child = spawn(around.toolbox.busybox, ["sync", "-f", around.protocolData.folder], { stdio: "ignore" });
  await once(child, "close");
}
