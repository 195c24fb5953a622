import type { BabelEngine } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { monotonicMs } from "./retry.ts";

/** Bytes per second of the host's bandwidth that the job may take just now; undefined: as many as it can. Never fails. */
export type HostShare = () => Promise<number | undefined>;

const ASK_MS = 10_000;
const PATIENCE_MS = 2000;

/** Asks the host now and then; while it is away, what it said last counts. (§9.5) */
export function hostShare(
  engine: Client<typeof BabelEngine>,
  job: string,
  signal: AbortSignal,
  now: () => number = monotonicMs,
): HostShare {
  let share: number | undefined;
  let next = Number.NEGATIVE_INFINITY;
  return async () => {
    if (now() < next) return share;
    next = now() + ASK_MS;
    try {
      const { bytesPerSecond } = await engine.getTransferShare({ job }, { timeoutMs: PATIENCE_MS, signal });
      share = bytesPerSecond === undefined ? undefined : Number(bytesPerSecond);
    } catch (error) {
      // An older host has no such thing.
      if (ConnectError.from(error).code === Code.Unimplemented) next = Number.POSITIVE_INFINITY;
    }
    return share;
  };
}
