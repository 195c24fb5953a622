import type { PressureJson } from "@blockvisor/wire/blockvisor/host/v1/host";

/** How much of the time work stood still for want of a resource, in percent; as `--format json` shows it. */
export interface PressureView {
  readonly resource: string;
  readonly some_avg10: number;
  readonly some_avg60: number;
  readonly full_avg10: number;
  readonly full_avg60: number;
  readonly some_secs: number;
}

export function pressureView(pressure: PressureJson): PressureView {
  return {
    resource: pressure.resource ?? "",
    some_avg10: Number(pressure.someAvg10 ?? 0),
    some_avg60: Number(pressure.someAvg60 ?? 0),
    full_avg10: Number(pressure.fullAvg10 ?? 0),
    full_avg60: Number(pressure.fullAvg60 ?? 0),
    some_secs: Number(pressure.someSeconds ?? 0),
  };
}

/** For people: what was waited for, and how much of the last ten seconds. */
export function pressureText(pressure: readonly PressureView[]): string {
  if (pressure.length === 0) return "-";
  const parts = pressure.map(({ resource, some_avg10: some }) => `${resource} ${some.toFixed(1)} %`);
  return `${parts.join(", ")} of the last 10 s`;
}
