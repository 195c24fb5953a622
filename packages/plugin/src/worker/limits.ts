import type { Limits } from "@blockvisor/rhai";

/** What a plugin script may use at most. Nesting is deeper than the reference's: its limits guard its parser, not the plugin (spec §1.11). */
export const SCRIPT_LIMITS = {
  /** A few seconds of pure computing; waiting for the host costs nothing. Ends an endless loop long before a deadline of minutes does. */
  operations: 200_000_000,
  callLevels: 64,
  exprDepth: 256,
  functionExprDepth: 256,
  stringSize: 16 * 1024 * 1024,
  arraySize: 1_000_000,
  mapSize: 1_000_000,
  modules: 256,
  memoryBytes: 128 * 1024 * 1024,
} as const satisfies Partial<Limits>;
