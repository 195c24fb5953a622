import type { DataSource } from "./data-stage.ts";
import type { InitStep } from "./steps.ts";

/** How far a run of default init or upload got, or of what changed parameters mean for services. */
export interface StepRecord {
  /** What it is a run of: the algorithm, the plugin and its config. That of anything else says nothing. */
  readonly of: string;
  /** So many steps are done and are not done again. */
  readonly done: number;
  /** All steps, as far as they are known: those that bring data are, once it is decided where from. */
  readonly total: number;
  /** The job of the next step is defined; where it has a state of its own since, it was started, too. */
  readonly created: boolean;
  /** Where data come from, once that is decided: what the run did since may lead to another answer. */
  readonly source: DataSource | null;
  /** Services that changed parameters concern, once that is decided: what the run did since does not tell any more. */
  readonly services: readonly string[] | null;
}

/** What a run decided on its way. */
export type Decided = Pick<StepRecord, "source" | "services">;

/** What the host keeps of the run that is under way, so that a run that was cut goes on where it was (spec plugin-api.md §4 "Do better"). */
export interface StepJournal {
  read(): Promise<StepRecord | undefined>;
  /** Durable when it resolves. `next`: what comes now. Without a record the next run begins at its first step. */
  write(record: StepRecord | undefined, next?: InitStep): Promise<void>;
}

/** For runs that nobody goes on with. */
export const noJournal: StepJournal = { read: async () => undefined, write: async () => {} };
