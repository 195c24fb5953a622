import type { EngineContext, PluginEngine } from "../engine/port.ts";
import type { StepJournal } from "./step-journal.ts";
import type { InitStep } from "./steps.ts";

/** What a run of a default algorithm works with. */
export interface RunContext {
  readonly engine: PluginEngine;
  readonly ctx: EngineContext;
  readonly onStep: (step: InitStep) => void | Promise<void>;
  readonly journal: StepJournal;
  /** Names this run in the journal: equal only for the same algorithm, plugin and config. */
  readonly of: string;
}
