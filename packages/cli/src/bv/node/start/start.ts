import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { followOperation } from "../../../daemon/operation.ts";
import { namedOrAllNodes } from "../all-nodes.ts";
import { forEachNode } from "../several-nodes.ts";
import { awaitEnd } from "../wait.ts";
import type { StartOptions } from "./verb.ts";

/** `bv node start` (host-daemon §2.2). */
export async function startNodes(call: Call<StartOptions, [nodes: readonly string[]]>): Promise<void> {
  const { out, options, signal } = call;
  const daemon = new DaemonClient(out);
  const nodes = await namedOrAllNodes(daemon, out, "start", call.args[0], options);
  await forEachNode(
    out,
    nodes,
    async (node) => {
      const end = await followOperation(
        daemon,
        out,
        "StartNode",
        { node, local: options.local ?? false },
        { title: `Starting ${node}`, signal, timeout: options.timeout },
      );
      return awaitEnd(daemon, out, end, "Running", options, signal);
    },
    (end) => (end.kind === "done" ? `Started node \`${end.node.id}\`` : `Start of node \`${end.nodeId}\` requested`),
  );
}
