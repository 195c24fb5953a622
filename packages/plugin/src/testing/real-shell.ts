import type { ShOptions, ShResponse } from "../engine/port.ts";

/** Runs commands of a plugin for one test, in a directory that is gone afterwards. */
export interface RealShell {
  /** Undefined: its time was over, and everything it started is gone. `signal` fires = the call was given up. */
  run(body: string, options: ShOptions, signal: AbortSignal): Promise<ShResponse | undefined>;
  close(): Promise<void>;
}
