import type { Call } from "../../../../command/verb.ts";
import { DaemonClient } from "../../../../daemon/client.ts";
import { jobView } from "../../../../daemon/job-view.ts";
import { whichNode } from "../../which-node.ts";
import { graphMermaid } from "./mermaid.ts";
import { edgesOf, type GraphJob, stagesOf } from "./stages.ts";
import { graphText } from "./text.ts";
import type { GraphOptions } from "./verb.ts";

/** `bv node job graph`: nothing at all when there are no jobs, as `list`. */
export async function jobGraph({ out, args, options, signal }: Call<GraphOptions, [node?: string]>): Promise<void> {
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, options.node ?? args[0]);
  const { jobs: entries = [] } = await daemon.call("GetJobGraph", { node }, { signal });
  const jobs: readonly GraphJob[] = entries.map(({ job, defined = false }) => ({ ...jobView(job ?? {}), defined }));
  const stages = stagesOf(jobs);
  if (options.mermaid) out.line(graphMermaid(jobs));
  else if (jobs.length > 0) out.line(graphText(stages, out.paint));
  out.document({
    jobs: stages.flatMap((stage, index) => stage.map((job) => ({ ...job, stage: index + 1 }))),
    edges: edgesOf(jobs),
    ...(options.mermaid ? { mermaid: graphMermaid(jobs) } : {}),
  });
}
