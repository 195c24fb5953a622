import type { JobLogLineJson } from "@blockvisor/wire/blockvisor/host/v1/host";

/** A line of a job's log as people read it. The time is there when the job has `log_timestamp`: `2025-01-31 12:00:00.123 +00:00|` before the text. */
export function logLineText({ time, text = "" }: Pick<JobLogLineJson, "time" | "text">): string {
  return time === undefined ? text : `${localTime(new Date(time))}|${text}`;
}

function localTime(time: Date): string {
  const shift = -time.getTimezoneOffset();
  const local = new Date(time.getTime() + shift * 60_000).toISOString();
  const zone = [Math.trunc(Math.abs(shift) / 60), Math.abs(shift) % 60].map((part) => String(part).padStart(2, "0"));
  return `${local.slice(0, 23).replace("T", " ")} ${shift < 0 ? "-" : "+"}${zone.join(":")}`;
}
