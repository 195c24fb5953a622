import type { LogLimits } from "../logs/space.ts";
import type { Paths, Toolbox } from "../paths.ts";
import type { ProtocolData } from "../protocol-data/state.ts";
import type { ReadyCheck } from "./config.ts";

/** What a job needs from the agent around it. */
export type Surroundings = {
  readonly paths: Paths;
  readonly toolbox: Toolbox;
  readonly boot: string;
  readonly protocolData: ProtocolData;
  /** Environment of every payload. */
  readonly environment: () => Readonly<Record<string, string>>;
  /** Program of an archive job; it gets the job's name as its last argument. */
  readonly archiveCommand: readonly string[];
  /** Looks once whether a job, run as `user`, is ready. Never fails. */
  readonly isReady: (check: ReadyCheck, user: string | undefined, cut: AbortSignal) => Promise<boolean>;
  readonly logLimits: () => LogLimits;
  /** Something about the job changed: dependents may go on, watchers want to know. */
  readonly changed: (name: string) => void;
  /** Reports to the host's log. */
  readonly report: (message: string) => void;
  readonly random: () => number;
  /** Milliseconds after which a failed job is started again for the first time because others need it. */
  readonly neededRetryMs: number;
};
