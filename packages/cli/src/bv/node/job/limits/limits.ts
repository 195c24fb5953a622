import type { Call } from "../../../../command/verb.ts";
import { DaemonClient } from "../../../../daemon/client.ts";
import { type JobView, jobView } from "../../../../daemon/job-view.ts";
import { bytesText } from "../../../../output/bytes.ts";
import { whichNode } from "../../which-node.ts";
import type { LimitsOptions } from "./verb.ts";

/** `bv node job limits`: without options it only shows them. A transfer that runs obeys at once. */
export async function jobLimits(call: Call<LimitsOptions, [job: string, node?: string]>): Promise<void> {
  const { out, args, options, signal } = call;
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, options.node ?? args[1]);
  const request = {
    node,
    job: args[0],
    ...(options.connections === undefined ? {} : { maxConnections: options.connections }),
    ...(options.bandwidth === undefined ? {} : { maxBytesPerSecond: String(options.bandwidth) }),
  };
  const job = jobView(await daemon.call("SetJobLimits", request, { signal }));
  for (const [label, value] of limitFields(job)) out.line(`${`${label}:`.padEnd(13)}${value}`);
  out.document({ job: job.name, limits: job.limits });
}

export function limitFields({ limits }: Pick<JobView, "limits">): readonly (readonly [label: string, value: string])[] {
  if (limits === null) return [];
  const { max_connections: connections, max_bytes_per_second: bandwidth } = limits;
  return [
    ["connections", connections === null ? "as the network allows" : String(connections)],
    ["bandwidth", bandwidth === null ? "unlimited" : `${bytesText(bandwidth)}/s`],
  ];
}
