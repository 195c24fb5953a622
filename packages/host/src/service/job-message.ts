import type { JobInfo } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { type JobSchema, JobState } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { MessageInitShape } from "@bufbuild/protobuf";

export type JobMessage = MessageInitShape<typeof JobSchema>;

/** A job as `bv` sees it, from what babel says. */
export function jobMessage(info: JobInfo): JobMessage {
  return {
    name: info.name,
    ...stateOf(info),
    restartCount: info.restartCount,
    upgradeBlocking: info.upgradeBlocking,
    logs: info.logs,
    ...(info.timestamp ? { since: info.timestamp } : {}),
    ...(info.progress
      ? {
          progress: {
            total: whole(info.progress.total ?? 0),
            current: whole(info.progress.current),
            message: info.progress.message,
          },
        }
      : {}),
  };
}

function stateOf(info: JobInfo): Pick<JobMessage, "state" | "waitingFor" | "exitCode" | "message"> {
  const status = info.status?.status;
  switch (status?.case) {
    case "pending":
      return { state: JobState.PENDING, waitingFor: status.value.waitingFor };
    case "running":
      return { state: JobState.RUNNING };
    case "finished":
      return {
        state: JobState.FINISHED,
        message: status.value.message,
        ...(status.value.exitCode === undefined ? {} : { exitCode: status.value.exitCode }),
      };
    case "stopped":
      return { state: JobState.STOPPED };
    default:
      return { state: JobState.UNSPECIFIED };
  }
}

function whole(value: number): bigint {
  return BigInt(Math.max(0, Math.trunc(Number.isFinite(value) ? value : 0)));
}
