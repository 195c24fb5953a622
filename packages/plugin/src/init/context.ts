import type { EngineContext, PluginEngine } from "../engine/port.ts";
import type { InitStep } from "./steps.ts";

/** What a run of a default algorithm works with. */
export interface RunContext {
  readonly engine: PluginEngine;
  readonly ctx: EngineContext;
  readonly onStep: (step: InitStep) => void | Promise<void>;
}
