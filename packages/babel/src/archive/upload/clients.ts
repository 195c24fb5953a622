import { rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../errno.ts";
import { invalid } from "../../failure.ts";
import { readBounded, replaceFile } from "../../files/durable.ts";
import { errorOfAll } from "../final-fault.ts";
import { pathFault } from "../format/path.ts";
import type { ArchiveResult } from "../task.ts";
import type { ProgressState } from "../transfer/progress.ts";
import { isKind } from "../transfer/retry.ts";
import { compressionOf, contextOf, expiresOf, type UploadEnvironment } from "./environment.ts";
import { type UploadContext, type UploadSettings, uploadArchive } from "./upload-archive.ts";

/** A service whose data is an archive of its own. (§5.6) */
type Client = {
  readonly name: string;
  readonly storeKey: string;
  readonly folder: string;
  readonly settings: UploadSettings;
};

const CONFIG_LIMIT = 64 * 1024 * 1024;
const RECORD_LIMIT = 64 * 1024;
const DEFAULT_LEVEL = 3;
const DEFAULT_EXPIRES_SECS = 3600;

/**
 * Uploads every service's data, all at once under the caps of the job. One that fails does not stop the others; the job fails then, and the next
 * attempt has only that one left to do. (D5-13)
 */
export async function uploadClients(
  environment: UploadEnvironment,
  report: (change: Partial<ProgressState>) => void,
): Promise<ArchiveResult> {
  const { task } = environment;
  const clients = await configured(environment);
  if (clients.length === 0) {
    task.log("No archivable clients found with store_key configured");
    return { store_key: "", data_version: 0, total_size: 0 };
  }
  const sums = new Map<string, Pick<ProgressState, "chunks" | "chunksDone" | "bytes" | "bytesDone">>();
  const outcomes = await Promise.allSettled(
    clients.map(async (client) => {
      const log = (line: string): void => task.log(`${client.name}: ${line}`);
      const own = (change: Partial<ProgressState>): void => {
        sums.set(client.name, { ...(sums.get(client.name) ?? ZERO), ...change });
        report({
          ...(change.phase === undefined ? {} : { phase: change.phase }),
          ...total([...sums.values()]),
          message: `chunks (${clients.length} clients)`,
        });
      };
      const context = contextOf(environment, { settings: client.settings, report: own, client, log });
      try {
        const before = await uploadedBefore(context);
        if (before !== undefined) log(`version ${before.data_version} was published by an earlier attempt`);
        const result = before ?? (await uploadArchive(context));
        await noteUploaded(context, result);
        return result;
      } catch (error) {
        log(`upload failed: ${messageOf(error)}`);
        throw error;
      }
    }),
  );
  const result = settle(clients, outcomes);
  // All are done: the next upload is another one.
  for (const { name } of clients) await rm(join(task.protocolData.folder, task.name, name, UPLOADED), { force: true });
  return result;
}

const UPLOADED = "uploaded.json";
type Uploaded = { readonly generation: string; readonly result: ArchiveResult };

/** What an earlier attempt of the same job published, while nothing used the data since. */
async function uploadedBefore({ stateFolder, generation, tools }: UploadContext): Promise<ArchiveResult | undefined> {
  const path = join(stateFolder, UPLOADED);
  const text = (await readBounded(path, RECORD_LIMIT))?.toString("utf8");
  if (text === undefined) return undefined;
  let uploaded: Partial<Uploaded> | null;
  try {
    uploaded = JSON.parse(text) as Partial<Uploaded> | null;
  } catch {
    tools.sending.log(`${path} cannot be read; the client is uploaded again`);
    return undefined;
  }
  return uploaded?.generation === (await generation()) ? uploaded.result : undefined;
}

async function noteUploaded({ stateFolder, generation }: UploadContext, result: ArchiveResult): Promise<void> {
  const uploaded: Uploaded = { generation: await generation(), result };
  await replaceFile(join(stateFolder, UPLOADED), JSON.stringify(uploaded));
}

function settle(clients: readonly Client[], outcomes: readonly PromiseSettledResult<ArchiveResult>[]): ArchiveResult {
  const failures: string[] = [];
  const errors: unknown[] = [];
  const results: ArchiveResult[] = [];
  for (const [i, outcome] of outcomes.entries()) {
    const name = clients[i]!.name;
    if (outcome.status === "fulfilled") results.push(outcome.value);
    else if (isKind(outcome.reason, "cancelled")) throw outcome.reason;
    else {
      failures.push(`Client '${name}' upload failed: ${messageOf(outcome.reason)}`);
      errors.push(outcome.reason);
    }
  }
  if (failures.length > 0) {
    const rest = results.length === 0 ? "" : `\n${results.length} of ${clients.length} clients are uploaded`;
    throw errorOfAll(`Multi-client upload failed: ${failures.join("\n")}${rest}`, errors);
  }
  return {
    store_key: results.map(({ store_key }) => store_key).join(","),
    data_version: Math.max(...results.map(({ data_version }) => data_version)),
    total_size: results.reduce((sum, { total_size }) => sum + total_size, 0),
  };
}

const ZERO = { chunks: 0, chunksDone: 0, bytes: 0, bytesDone: 0 };

const total = (parts: readonly (typeof ZERO)[]): typeof ZERO =>
  parts.reduce(
    (sum, each) => ({
      chunks: sum.chunks + each.chunks,
      chunksDone: sum.chunksDone + each.chunksDone,
      bytes: sum.bytes + each.bytes,
      bytesDone: sum.bytesDone + each.bytesDone,
    }),
    ZERO,
  );

/** How an archive is made: what `upload` of the config says, for a service with words of its own. */
type ArchiveConfig = {
  readonly exclude?: readonly string[] | null;
  readonly append_only?: readonly string[] | null;
  readonly compression?: "NONE" | { readonly ZSTD: number } | null;
  readonly number_of_chunks?: number | null;
  readonly layout?: UploadSettings["layout"] | null;
  readonly allow_empty?: boolean | null;
};

type Service = Readonly<Record<string, unknown>> & { readonly upload?: ArchiveConfig | null };

type PluginConfig = { readonly services?: readonly Service[]; readonly upload?: ArchiveConfig | null };

async function configured({ task }: UploadEnvironment): Promise<readonly Client[]> {
  const path = join(task.folder, "plugin_config.json");
  const text = (await readBounded(path, CONFIG_LIMIT))?.toString("utf8");
  if (text === undefined) {
    throw invalid("job-config-invalid", `Multi-client upload requires plugin configuration at ${path}`);
  }
  const { services, upload } = JSON.parse(text) as PluginConfig;
  const type = task.config.job_type;
  const job = "multi_client_upload" in type ? type.multi_client_upload : {};
  const settingsOf = (own: ArchiveConfig): UploadSettings => {
    const compression = own.compression ?? upload?.compression ?? { ZSTD: DEFAULT_LEVEL };
    return {
      exclude: own.exclude ?? upload?.exclude ?? [],
      appendOnly: own.append_only ?? upload?.append_only ?? [],
      compression: compressionOf(compression === "NONE" ? undefined : compression.ZSTD),
      numberOfChunks: own.number_of_chunks ?? upload?.number_of_chunks ?? undefined,
      urlExpiresSecs: expiresOf(job.url_expires_secs ?? DEFAULT_EXPIRES_SECS),
      dataVersion: job.data_version,
      layout: own.layout ?? upload?.layout ?? "parts",
      allowEmpty: own.allow_empty ?? upload?.allow_empty ?? false,
    };
  };
  return (services ?? []).flatMap((service) => clientOf(service, settingsOf));
}

function clientOf(service: Service, settingsOf: (own: ArchiveConfig) => UploadSettings): readonly Client[] {
  const { name, store_key, data_dir, use_protocol_data, archive, upload } = service;
  const archived = use_protocol_data !== false && archive !== false;
  if (typeof name !== "string" || typeof store_key !== "string" || !archived) return [];
  const folder = typeof data_dir === "string" ? data_dir : name;
  const fault = pathFault(folder) ?? (name.includes("/") ? "is not a name" : pathFault(name));
  if (fault !== undefined) throw invalid("client-invalid", `Service '${name}' data_dir '${folder}' ${fault}`);
  return [{ name, storeKey: store_key, folder, settings: settingsOf(upload ?? {}) }];
}
