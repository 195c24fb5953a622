import type { JobConfig } from "../jobs/config.ts";
import type { ProtocolData } from "../protocol-data/state.ts";
import type { Conf } from "../setup/conf.ts";

/**
 * What an archive job is given. It runs as a process of its own under the same shim as every job, so it outlives babel: `babel.mjs
 * archive NAME`. It prints its log, writes `progress.json`, obeys `limits.json`, ends on SIGTERM, and either returns what it
 * transferred or throws; babel applies the restart policy and keeps the markers of the protocol data.
 */
export type ArchiveTask = {
  readonly name: string;
  readonly config: JobConfig;
  /** `/var/lib/babel/jobs/<name>`: `progress.json`, `limits.json`, `plugin_config.json`. */
  readonly folder: string;
  /** `/blockjoy/.babel_jobs` is its `folder`, for metadata that outlives upgrades. */
  readonly protocolData: ProtocolData;
  /** Node environment, and the secret that opens the engine's socket. */
  readonly conf: Conf;
  readonly engineSocket: string;
  /** Aborted on SIGTERM and SIGINT. */
  readonly signal: AbortSignal;
  /** One line for the job's log. */
  readonly log: (line: string) => void;
};

/** A download returns it once everything is fsynced; it goes into the record of complete data. */
export type ArchiveResult = {
  readonly store_key: string;
  readonly data_version: number;
  readonly total_size: number;
};

export type ArchiveRunner = (task: ArchiveTask) => Promise<ArchiveResult>;

/** What `cleanup` of an archive job is given; the job is not active. */
export type ArchiveCleanup = Pick<ArchiveTask, "name" | "config" | "folder" | "protocolData" | "engineSocket"> & {
  /** Opens the engine's socket; undefined before the node was set up. */
  readonly secret: string | undefined;
};
