import type { NodeResourcesJson } from "@blockvisor/wire/blockvisor/host/v1/host";
import { type PressureView, pressureText, pressureView } from "../../../daemon/pressure-view.ts";
import { bytesText } from "../../../output/bytes.ts";
import { durationText } from "../../../output/duration.ts";

/** What a node uses of the machine, as `--format json` shows it; null where it does not run, or nothing limits it. */
export interface ResourcesView {
  readonly cpu_percent: number | null;
  readonly cpu_secs: number | null;
  readonly memory_bytes: number | null;
  readonly memory_limit_bytes: number | null;
  readonly processes: number | null;
  readonly processes_limit: number | null;
  readonly oom_kills: number | null;
  readonly pressure: readonly PressureView[];
  readonly network_received_bytes: number | null;
  readonly network_sent_bytes: number | null;
  readonly disk_read_bytes: number | null;
  readonly disk_written_bytes: number | null;
  readonly data_bytes: number;
  readonly changed_bytes: number;
  /** What the kernel keeps the node to, with what it counts; null where only the daemon looks, and `data_bytes`, `changed_bytes` tell. */
  readonly space: { readonly kind: string; readonly used_bytes: number; readonly limit_bytes: number } | null;
  /** There is more on the disk than could be counted in a second. */
  readonly disk_incomplete: boolean;
}

export function resourcesView(resources: NodeResourcesJson): ResourcesView {
  const { space } = resources;
  const number = (value: number | string | undefined): number | null => (value === undefined ? null : Number(value));
  return {
    cpu_percent: number(resources.cpuPercent),
    cpu_secs: number(resources.cpuSeconds),
    memory_bytes: number(resources.memoryBytes),
    memory_limit_bytes: number(resources.memoryLimitBytes),
    processes: number(resources.processes),
    processes_limit: number(resources.processesLimit),
    oom_kills: number(resources.oomKills),
    pressure: (resources.pressure ?? []).map(pressureView),
    network_received_bytes: number(resources.networkReceivedBytes),
    network_sent_bytes: number(resources.networkSentBytes),
    disk_read_bytes: number(resources.diskReadBytes),
    disk_written_bytes: number(resources.diskWrittenBytes),
    data_bytes: Number(resources.dataBytes ?? 0),
    changed_bytes: Number(resources.changedBytes ?? 0),
    space: space
      ? { kind: space.kind ?? "", used_bytes: Number(space.usedBytes), limit_bytes: Number(space.limitBytes) }
      : null,
    disk_incomplete: resources.diskIncomplete ?? false,
  };
}

/** Label and value of each line; `diskGb` is what the node asked for. */
export function resourceLines(view: ResourcesView, diskGb: number): readonly (readonly [string, string])[] {
  const onDisk = ["Disk use", diskText(view, diskGb)] as const;
  if (view.cpu_secs === null || view.memory_bytes === null) return [onDisk];
  const percent = view.cpu_percent === null ? "" : `${view.cpu_percent.toFixed(1)} % of a core, `;
  return [
    ["CPU use", `${percent}${durationText(Math.floor(view.cpu_secs))} since the start`],
    ["Memory use", `${bytesText(view.memory_bytes)}${limit(view.memory_limit_bytes, bytesText)}`],
    ["Processes", `${view.processes ?? "-"}${limit(view.processes_limit, String)}`],
    ["Out of memory", view.oom_kills ? `${view.oom_kills} processes killed since the start` : "never since the start"],
    ["Waiting for", pressureText(view.pressure)],
    ...(view.network_received_bytes === null
      ? []
      : ([
          ["Network", `in ${bytesText(view.network_received_bytes)}, out ${bytesText(view.network_sent_bytes ?? 0)}`],
        ] as const)),
    ...(view.disk_read_bytes === null
      ? []
      : ([
          ["Disk", `read ${bytesText(view.disk_read_bytes)}, written ${bytesText(view.disk_written_bytes ?? 0)}`],
        ] as const)),
    onDisk,
  ];
}

function diskText({ space, ...view }: ResourcesView, diskGb: number): string {
  const more = view.disk_incomplete ? "more than " : "";
  if (space === null) {
    const parts = `${bytesText(view.data_bytes)} of data, ${bytesText(view.changed_bytes)} changed of the image`;
    return `${more}${parts} (planned: ${diskGb} GB, watched by the daemon)`;
  }
  const keeper = space.kind === "subvolume" ? "a btrfs quota" : "a file system of its own";
  const kept = `${bytesText(space.used_bytes)} of ${bytesText(space.limit_bytes)}, kept by ${keeper}`;
  return view.data_bytes > 0 ? `${kept}; ${more}${bytesText(view.data_bytes)} of data elsewhere` : kept;
}

function limit(value: number | null, text: (value: number) => string): string {
  return value === null ? "" : ` of ${text(value)}`;
}
