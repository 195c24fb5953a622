import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { utcTime } from "../../../daemon/job-view.ts";
import { type NodeView, nodeView } from "../../../daemon/node-view.ts";
import { type FaultView, lastFault } from "../last-fault.ts";
import { plainId } from "../which-node.ts";

/** `bv node status`: one word per argument, in their order (host-daemon §2.2). */
export async function nodeStatus({ out, args, signal }: Call<object, [nodes: readonly string[]]>): Promise<void> {
  const daemon = new DaemonClient(out);
  const found = args[0].map((node) => daemon.call("GetNode", { node: plainId(node) }, { signal }));
  const nodes = (await Promise.all(found)).map((node) => nodeView(node));
  for (const node of nodes) {
    out.line(node.status);
    if (out.verbosity > 0) out.note(1, why(node, await lastFault(daemon, node, signal)));
  }
  out.document({
    nodes: nodes.map(({ id, name, status, expected_status, operation, problem, uptime_secs }) => {
      return { id, name, status, expected_status, operation, problem, uptime_secs };
    }),
  });
}

/** With -v: what the node is doing, and why it is not what it should be. */
function why(node: NodeView, fault: FaultView | null): string {
  const { name, operation, problem, expected_status: expected, status } = node;
  const parts = [
    ...(operation ? [`${operation.kind} (${operation.step}) since ${utcTime(operation.since)}`] : []),
    ...(expected === status ? [] : [`should be ${expected}`]),
    ...(problem ? [`${problem.message} (${problem.code}), ${problem.attempts} attempts failed`] : []),
  ];
  const before = fault ? `; last fault: ${fault.message} (${utcTime(fault.time)})` : "";
  return `${name}: ${parts.join("; ") || "is what it should be"}${before}`;
}
