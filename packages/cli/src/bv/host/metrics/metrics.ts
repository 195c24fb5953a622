import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { pressureText, pressureView } from "../../../daemon/pressure-view.ts";
import { durationText } from "../../../output/duration.ts";
import { gigabytes } from "../../../output/size.ts";

/** `bv host metrics` (host-daemon §2.2). */
export async function hostMetrics({ out, signal }: Call<object, []>): Promise<void> {
  const metrics = await new DaemonClient(out).call("GetHostMetrics", {}, { signal });
  const values = {
    used_cpu: Number(metrics.usedCpuPercent ?? 0),
    used_memory_bytes: Number(metrics.usedMemoryBytes ?? 0),
    used_disk_space_bytes: Number(metrics.usedDiskBytes ?? 0),
    used_ips: metrics.usedIps ?? [],
    load_one: Number(metrics.loadOne ?? 0),
    load_five: Number(metrics.loadFive ?? 0),
    load_fifteen: Number(metrics.loadFifteen ?? 0),
    network_received_bytes: Number(metrics.networkReceivedBytes ?? 0),
    network_sent_bytes: Number(metrics.networkSentBytes ?? 0),
    uptime_secs: Number(metrics.uptimeSeconds ?? 0),
    total_memory_bytes: Number(metrics.totalMemoryBytes ?? 0),
    total_disk_space_bytes: Number(metrics.totalDiskBytes ?? 0),
    pressure: (metrics.pressure ?? []).map(pressureView),
  };
  const fields: readonly (readonly [string, string])[] = [
    ["Used cpu", `${values.used_cpu.toFixed(1)} %`],
    ["Used mem", `${gigabytes(values.used_memory_bytes)} of ${gigabytes(values.total_memory_bytes)}`],
    ["Used disk", `${gigabytes(values.used_disk_space_bytes)} of ${gigabytes(values.total_disk_space_bytes)}`],
    ["Used IPs", `[${values.used_ips.join(", ")}]`],
    ["Load (1 min)", values.load_one.toFixed(2)],
    ["Load (5 mins)", values.load_five.toFixed(2)],
    ["Load (15 mins)", values.load_fifteen.toFixed(2)],
    ["Network in", gigabytes(values.network_received_bytes)],
    ["Network out", gigabytes(values.network_sent_bytes)],
    ["Waiting for", pressureText(values.pressure)],
    ["Uptime [h:m:s]", durationText(values.uptime_secs)],
  ];
  for (const [label, value] of fields) out.line(`${`${label}:`.padEnd(16)}${value}`);
  out.document(values);
}
