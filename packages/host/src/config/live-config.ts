import { isDeepStrictEqual } from "node:util";
import { configKeys, type HostConfig } from "./host-config.ts";

/** What counts at once; everything else is built into what the daemon made when it started. */
const liveKeys: ReadonlySet<string> = new Set([
  "recovery",
  "limits",
  "maintenance_mode",
  "images",
  "job_logs",
  "archive_max_mbps",
  "upgrade_smoke_check",
  "upgrade_watch_secs",
]);

/** Keys of `blockvisor.json` that are not as they were, sorted. */
export interface ConfigChange {
  /** These count from now on. */
  readonly applied: readonly string[];
  /** These count after a restart. */
  readonly needsRestart: readonly string[];
}

/** The configuration that the daemon works with; `reload` exchanges what can be exchanged while it runs (spec host-daemon DB-1.9). */
export class LiveConfig {
  readonly #started: HostConfig;
  readonly #read: () => Promise<HostConfig>;
  #current: HostConfig;

  constructor(started: HostConfig, read: () => Promise<HostConfig>) {
    this.#started = started;
    this.#current = started;
    this.#read = read;
  }

  get current(): HostConfig {
    return this.#current;
  }

  /** Error `config_error`: what is there is no configuration, and all stays as it was. */
  async reload(): Promise<ConfigChange> {
    const next = await this.#read();
    const isChanged = (key: string, since: HostConfig): boolean => !isDeepStrictEqual(next.file[key], since.file[key]);
    const applied = configKeys.filter((key) => liveKeys.has(key) && isChanged(key, this.#current));
    const needsRestart = configKeys.filter((key) => !liveKeys.has(key) && isChanged(key, this.#started));
    this.#current = {
      ...this.#started,
      file: next.file,
      recovery: next.recovery,
      limits: next.limits,
      maintenanceMode: next.maintenanceMode,
      imagesMaxBytes: next.imagesMaxBytes,
      imageSources: next.imageSources,
      jobLogs: next.jobLogs,
      archiveMaxBytesPerSecond: next.archiveMaxBytesPerSecond,
      upgradeSmokeCheck: next.upgradeSmokeCheck,
      upgradeWatchMs: next.upgradeWatchMs,
    };
    return { applied, needsRestart };
  }
}
