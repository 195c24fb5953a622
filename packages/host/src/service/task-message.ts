import type { TaskSchema } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ListedTask } from "../schedule/node-tasks.ts";

export function taskMessage({ next, last, ...task }: ListedTask): MessageInitShape<typeof TaskSchema> {
  const { name, schedule, function: fn, param, timezone, jitter_secs, timeout_secs, catch_up } = task;
  return {
    ...{ name, schedule, function: fn, param },
    timezone: timezone ?? "",
    jitterSecs: jitter_secs ?? 0,
    ...(timeout_secs === undefined ? {} : { timeoutSecs: timeout_secs }),
    skipsWhenBusy: catch_up === false,
    ...(next === undefined ? {} : { nextRun: timestampFromDate(next) }),
    ...(last === undefined
      ? {}
      : { lastRun: timestampFromMs(last.at), lastMs: BigInt(last.ms), failures: last.failures }),
    ...(last?.result == null ? {} : { lastResult: last.result }),
    ...(last?.error == null ? {} : { lastError: last.error }),
  };
}
