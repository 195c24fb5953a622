import { writeAgentRecord } from "../agent/agent-record.ts";
import { firstAgentOf } from "../agent/first-agent.ts";
import type { ProcessIdentity } from "../runtime/index.ts";
import type { NodeParts } from "./node-host.ts";

/** Remembers which process is the babel that came with the container, unless that is known, or it has ended. */
export async function adoptFirstAgent(node: NodeParts, init: ProcessIdentity): Promise<void> {
  if (node.agent === undefined || node.agent.process !== null) return;
  const first = firstAgentOf(init);
  if (first.kind !== "running") return;
  node.agent = { ...node.agent, process: first.process };
  await writeAgentRecord(node.paths.agentRecord, node.agent);
}
