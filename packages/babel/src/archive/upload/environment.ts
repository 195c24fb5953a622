import { join } from "node:path";
import type { BabelEngine } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import type { Client } from "@connectrpc/connect";
import { invalid } from "../../failure.ts";
import { dataFolder } from "../download/data-folder.ts";
import { engineSource } from "../engine.ts";
import type { Compression } from "../format/chunk.ts";
import type { ArchiveTask } from "../task.ts";
import type { RetryTimes } from "../transfer/retry.ts";
import type { StallLimit } from "../transfer/stall-watch.ts";
import { publishedContent } from "./published.ts";
import { engineTarget } from "./target.ts";
import type { UploadContext, UploadSettings } from "./upload-archive.ts";
import type { UploadTools } from "./upload-tools.ts";

/** For tests, which have no minutes to wait. */
export type UploadTimes = {
  readonly retry?: RetryTimes;
  readonly stall?: StallLimit;
  readonly firstWaitMs?: number;
  /** Until a full disk is looked at again. */
  readonly diskWaitMs?: number;
};

/** What all clients of a job share. */
export type UploadEnvironment = {
  readonly task: ArchiveTask;
  readonly engine: Client<typeof BabelEngine>;
  readonly tools: UploadTools;
  readonly times: UploadTimes;
};

/** What one archive needs, of the node's image or of a service. */
export function contextOf(
  { task, engine, tools, times }: UploadEnvironment,
  one: {
    readonly settings: UploadSettings;
    readonly report: UploadContext["report"];
    readonly client?: { readonly name: string; readonly storeKey: string; readonly folder: string };
    readonly log?: (line: string) => void;
  },
): UploadContext {
  const { settings, report, client, log = task.log } = one;
  const waits = times.firstWaitMs === undefined ? {} : { firstWaitMs: times.firstWaitMs };
  const call = { signal: task.signal, log, ...waits };
  const { node_protocol, node_variant, node_version } = task.conf.node_env;
  const source = Object.entries({ node_protocol, node_variant, node_version, client: client?.name });
  return {
    settings,
    root: client === undefined ? dataFolder(task) : join(dataFolder(task), client.folder),
    stateFolder: join(task.protocolData.folder, task.name, ...(client === undefined ? [] : [client.name])),
    target: (uploadId) => engineTarget(engine, client?.storeKey, call, uploadId),
    storeKey: client?.storeKey,
    published: (version) => publishedContent(engineSource(engine, client?.storeKey, call), version),
    generation: async () => (await task.protocolData.read()).generation,
    source: Object.fromEntries(source.filter((entry): entry is [string, string] => Boolean(entry[1]))),
    tools: { ...tools, sending: { ...tools.sending, log } },
    runners: tools.runners,
    report,
  };
}

const WEEK_SECS = 7 * 24 * 3600;

/** Urls can not be signed for longer. */
export const expiresOf = (secs: number): number => Math.min(Math.max(1, secs), WEEK_SECS);

/** @param level zstd's; undefined: no compression (D5-15) */
export function compressionOf(level: number | undefined): Compression {
  if (level === undefined) return { codec: "none" };
  if (!Number.isInteger(level) || level < -7 || level > 22 || level === 0) {
    throw invalid("compression-invalid", `zstd has no level ${level}`, "Levels are 1 to 22, and -7 to -1 for speed.");
  }
  return { codec: "zstd", level };
}
