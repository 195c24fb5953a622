import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { isMissing, messageOf } from "../../errno.ts";
import { invalid } from "../../failure.ts";
import { readBounded } from "../../files/durable.ts";
import { engineClient } from "../../service/engine.ts";
import { engineSource } from "../engine.ts";
import { errorOfAll } from "../final-fault.ts";
import { pathFault } from "../format/path.ts";
import type { ArchiveResult, ArchiveTask } from "../task.ts";
import { readClientRecord, writeClientRecord } from "./client-record.ts";
import { dataFolder } from "./data-folder.ts";
import type { Download, DownloadOptions } from "./download.ts";
import { ownerNamed } from "./owner.ts";
import type { Rechecks } from "./recheck.ts";
import { type Environment, type Outcome, runDownloads } from "./run-downloads.ts";
import { StateFolder } from "./state-folder.ts";
import { Tree } from "./tree.ts";

/** A service whose data is an archive of its own. (§4.6) */
type ClientService = {
  readonly name: string;
  readonly store_key: string;
  readonly data_dir: string;
  readonly run_as?: string;
};

const CONFIG_LIMIT = 64 * 1024 * 1024;

/**
 * All clients at once, under the caps of the job. A client without an archive starts without one, and never gets one later; neither does one whose
 * folder has data that no download of ours began: a snapshot that appears later must not replace what was synced meanwhile. (D4-13, D4-14)
 */
export async function downloadClients(
  task: ArchiveTask,
  environment: Environment,
  times: { readonly firstWaitMs?: number },
  rechecks: Rechecks,
): Promise<ArchiveResult> {
  const services = await clientServices(task.folder);
  if (services.length === 0) {
    task.log("No downloadable clients found with store_key configured");
    return { store_key: "", data_version: 0, total_size: 0 };
  }
  const engine = engineClient(task.engineSocket, () => task.conf.secret);
  const wanted: { readonly service: ClientService; readonly options: DownloadOptions }[] = [];
  const finished: { readonly dataVersion: number; readonly totalSize: number }[] = [];
  for (const service of services) {
    const destination = join(dataFolder(task), service.data_dir);
    const state = new StateFolder(join(task.protocolData.folder, task.name, service.name));
    const log = (line: string): void => task.log(`${service.name}: ${line}`);
    const record = await readClientRecord(state, service, log);
    if (record?.state === "complete") finished.push({ dataVersion: record.data_version, totalSize: record.total_size });
    else if (record?.state === "absent") log("had no archive when it was first asked for; starts without one");
    else if (record === undefined && (await hasData(destination)))
      log(`${destination} has data already; it is left alone`);
    else {
      const source = engineSource(engine, service.store_key, { signal: task.signal, log, ...times });
      const owner = await ownerNamed(task, service.run_as);
      await makeFolder(dataFolder(task), service.data_dir);
      wanted.push({ service, options: { source, destination, state, log, ...owner, ...rechecks } });
    }
  }
  const message = `chunks (${wanted.length} clients)`;
  const outcomes = await runDownloads(
    wanted.map(({ options }) => options),
    { ...environment, message },
    (index, download) => note(wanted[index]!.service, wanted[index]!.options.state, download),
  );
  return settle(wanted, outcomes, finished, services);
}

async function settle(
  wanted: readonly { readonly service: ClientService; readonly options: DownloadOptions }[],
  outcomes: readonly Outcome[],
  finished: { readonly dataVersion: number; readonly totalSize: number }[],
  services: readonly ClientService[],
): Promise<ArchiveResult> {
  const failures: string[] = [];
  const errors: unknown[] = [];
  for (const [index, { service, options }] of wanted.entries()) {
    const outcome = outcomes[index];
    if (outcome?.kind === "failed") {
      failures.push(`  - ${service.name}: ${messageOf(outcome.error)}`);
      errors.push(outcome.error);
    }
    if (outcome?.kind === "absent") options.log("has no archive; starts without one");
    if (outcome?.kind !== "complete") continue;
    finished.push(outcome);
    await writeClientRecord(options.state, {
      client: service.name,
      store_key: service.store_key,
      data_version: outcome.dataVersion,
      total_size: outcome.totalSize,
      state: "complete",
    });
  }
  if (failures.length > 0) throw errorOfAll(`Some client downloads failed:\n${failures.join("\n")}`, errors);
  return {
    store_key: services.map(({ store_key }) => store_key).join(","),
    data_version: Math.max(0, ...finished.map(({ dataVersion }) => dataVersion)),
    total_size: finished.reduce((sum, { totalSize }) => sum + totalSize, 0),
  };
}

/** Before the first byte is written, and so that it is remembered for ever. */
async function note(service: ClientService, state: StateFolder, download: Download | undefined): Promise<void> {
  await writeClientRecord(state, {
    client: service.name,
    store_key: service.store_key,
    data_version: download?.plan.dataVersion ?? 0,
    total_size: download?.plan.header.totalSize ?? 0,
    state: download === undefined ? "absent" : "in_progress",
  });
}

async function clientServices(jobFolder: string): Promise<readonly ClientService[]> {
  const path = join(jobFolder, "plugin_config.json");
  const text = (await readBounded(path, CONFIG_LIMIT))?.toString("utf8");
  if (text === undefined) {
    throw invalid("job-config-invalid", `Multi-client download requires plugin configuration at ${path}`);
  }
  const { services } = JSON.parse(text) as { services?: readonly Readonly<Record<string, unknown>>[] };
  return (services ?? []).flatMap(({ name, store_key, data_dir, use_protocol_data, run_as }) => {
    if (typeof name !== "string" || typeof store_key !== "string" || use_protocol_data === false) return [];
    const folder = typeof data_dir === "string" ? data_dir : name;
    const fault = pathFault(folder) ?? (name.includes("/") ? "is not a name" : pathFault(name));
    if (fault !== undefined) throw invalid("client-invalid", `Service '${name}' data_dir '${folder}' ${fault}`);
    return [{ name, store_key, data_dir: folder, ...(typeof run_as === "string" ? { run_as } : {}) }];
  });
}

/** Not through a link that somebody planted where the folder should be. */
async function makeFolder(root: string, path: string): Promise<void> {
  await mkdir(root, { recursive: true });
  const tree = new Tree(root);
  try {
    tree.folder(path);
  } finally {
    tree.close();
  }
}

async function hasData(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).length > 0;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
