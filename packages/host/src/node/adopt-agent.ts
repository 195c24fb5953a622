import { writeAgentRecord } from "../agent/agent-record.ts";
import { firstAgentOf } from "../agent/first-agent.ts";
import type { ProcessIdentity } from "../runtime/index.ts";
import type { NodeParts } from "./node-host.ts";

/** Remembers which process is the node's babel. */
export async function adoptAgent(node: NodeParts, process: ProcessIdentity): Promise<void> {
  if (node.agent === undefined) return;
  node.agent = { ...node.agent, process };
  await writeAgentRecord(node.paths.agentRecord, node.agent);
}

/** For a daemon whose predecessor died before it knew: the babel that came with the container, if it is still there. */
export async function adoptFirstAgent(node: NodeParts, init: ProcessIdentity): Promise<void> {
  if (node.agent?.process !== null) return;
  const first = firstAgentOf(init);
  if (first.kind === "running") await adoptAgent(node, first.process);
}
