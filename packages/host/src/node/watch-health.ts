import type { JobInfo } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { HostError } from "../errors/host-error.ts";
import type { NodeParts } from "./node-host.ts";
import type { NodeState } from "./node-state.ts";
import { observe } from "./observe.ts";

/**
 * Looks on for `ms` milliseconds while a new version runs (spec host-daemon DB-4.9). Error `failed` when its container or babel ends, or a job
 * fails or has to be restarted; jobs that failed before `since`, epoch milliseconds, did so in the old version.
 */
export async function watchHealth(
  node: NodeParts,
  state: NodeState,
  { ms, since }: { readonly ms: number; readonly since: number },
  signal: AbortSignal,
): Promise<void> {
  const end = AbortSignal.timeout(ms);
  try {
    for await (const { changed } of node.link.jobs.watchJobs({}, { signal: AbortSignal.any([signal, end]) })) {
      const faults = changed.flatMap((job) => faultOf(job, since) ?? []);
      if (faults.length > 0) throw unhealthy(faults.join("; ").slice(0, 2_000));
    }
  } catch (error) {
    if (error instanceof HostError || signal.aborted) throw error;
    if (!end.aborted) throw unhealthy(`babel does not answer: ${(error as Error).message}`);
  }
  const { container, agent } = await observe(node, state);
  if (container !== "running" || agent !== "ready") throw unhealthy("its container or babel has ended");
}

function faultOf({ name, status, timestamp, lastFailure }: JobInfo, since: number): string | undefined {
  const now = status?.status;
  if (now?.case === "running" && now.value.restartAt !== undefined) {
    return `${name} has to be restarted${lastFailure && `: ${lastFailure}`}`;
  }
  const isEarlier = timestamp === undefined || timestampMs(timestamp) < since;
  if (now?.case !== "finished" || now.value.exitCode === 0 || isEarlier) return undefined;
  return `${name} failed: ${now.value.message || `exit code ${now.value.exitCode ?? "unknown"}`}`;
}

function unhealthy(reason: string): HostError {
  return new HostError("failed", `the new version does not stay healthy: ${reason}`, {
    hint: "see `bv node job logs` and `bv node logs`",
  });
}
