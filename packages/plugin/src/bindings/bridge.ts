import type { PluginEngine } from "../engine/port.ts";

/** Engine members a script can reach, the default algorithms that a custom `init` / `upload` can call, and what tests of plugins do. */
export type BridgeMethod = keyof PluginEngine | "defaultInit" | "defaultUpload" | "test";

/**
 * The synchronous side of the engine: a call blocks the script until the host has answered. A failure of the host throws an `Error` whose
 * message scripts catch; `failureCode` tells the code of it afterwards. When the call is given up it throws a `RhaiError` that no script can catch.
 */
export interface EngineBridge {
  call(method: BridgeMethod, args: readonly unknown[]): unknown;
  /** The host's stable code of the latest failure with this message; undefined if there was none, or it had no code. */
  failureCode(message: string): string | undefined;
  /** The time of scripts, in epoch milliseconds. */
  now(): number;
  /** Blocks for some time, but never beyond the deadline. */
  sleep(seconds: number): void;
}
