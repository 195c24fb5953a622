import type {
  JobInfo,
  JobProgress,
  JobRun,
  TransferLimits,
  TransferProgress,
} from "@blockvisor/wire/blockvisor/babel/v1/babel";
import {
  type JobLimitsSchema,
  type JobProgressSchema,
  type JobRunSchema,
  type JobSchema,
  JobState,
} from "@blockvisor/wire/blockvisor/host/v1/host";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { stageOf } from "../plugin/job-messages.ts";

export type JobMessage = Exclude<MessageInitShape<typeof JobSchema>, { $typeName: string }>;

/** A job as `bv` sees it, from what babel says. */
export function jobMessage(info: JobInfo): JobMessage {
  return {
    name: info.name,
    ...stateOf(info),
    restartCount: info.restartCount,
    restarts: info.restarts,
    runnerRestarts: info.runnerRestarts,
    configHash: info.configHash,
    upgradeBlocking: info.upgradeBlocking,
    logs: info.logs,
    needs: info.config?.needs ?? [],
    waitFor: info.config?.waitFor ?? [],
    lastFailure: info.lastFailure,
    stage: stageOf(info.config) ?? "",
    ...(info.timestamp ? { since: info.timestamp } : {}),
    ...(info.progress ? { progress: progressMessage(info.progress) } : {}),
    ...(info.run ? { run: runMessage(info.run) } : {}),
    ...(info.limits ? { limits: limitsMessage(info.limits) } : {}),
  };
}

function stateOf(info: JobInfo): JobMessage {
  const status = info.status?.status;
  switch (status?.case) {
    case "pending":
      return { state: JobState.PENDING, waitingFor: status.value.waitingFor };
    case "running": {
      const { stopping, restartAt, ready } = status.value;
      return {
        state: JobState.RUNNING,
        stopping,
        ...(restartAt ? { restartAt } : {}),
        ...(ready === undefined ? {} : { ready }),
      };
    }
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

function progressMessage({
  total,
  current,
  message,
  rate,
  eta,
  transfer,
}: JobProgress): MessageInitShape<typeof JobProgressSchema> {
  return {
    current,
    message,
    ...(total === undefined ? {} : { total }),
    ...(rate === undefined ? {} : { rate }),
    ...(transfer === undefined ? {} : { transfer: transferFields(transfer) }),
    ...(eta === undefined ? {} : { etaSeconds: Number(eta.seconds) + eta.nanos / 1e9 }),
  };
}

function transferFields({ bytesTotal, bytesDone, bytesPerSecond, phase }: TransferProgress) {
  return { bytesTotal, bytesDone, bytesPerSecond, phase };
}

function runMessage({
  number,
  pid,
  startedAt,
  endedAt,
  exitCode,
  signal,
  outOfMemory,
}: JobRun): MessageInitShape<typeof JobRunSchema> {
  return {
    number,
    pid,
    signal,
    outOfMemory,
    ...(startedAt ? { startedAt } : {}),
    ...(endedAt ? { endedAt } : {}),
    ...(exitCode === undefined ? {} : { exitCode }),
  };
}

function limitsMessage({
  maxConnections,
  maxBytesPerSecond,
}: TransferLimits): MessageInitShape<typeof JobLimitsSchema> {
  return {
    ...(maxConnections === undefined ? {} : { maxConnections }),
    ...(maxBytesPerSecond === undefined ? {} : { maxBytesPerSecond }),
  };
}
