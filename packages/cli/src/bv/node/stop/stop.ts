import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { followOperation } from "../../../daemon/operation.ts";
import { namedOrAllNodes } from "../all-nodes.ts";
import { forEachNode } from "../several-nodes.ts";
import { awaitEnd } from "../wait.ts";
import type { StopOptions } from "./verb.ts";

/** `bv node stop` (host-daemon §2.2). */
export async function stopNodes(call: Call<StopOptions, [nodes: readonly string[]]>): Promise<void> {
  const { out, options, signal } = call;
  const daemon = new DaemonClient(out);
  const nodes = await namedOrAllNodes(daemon, out, "stop", call.args[0], options);
  const { force = false, local = false } = options;
  await forEachNode(
    out,
    nodes,
    async (node) => {
      const end = await followOperation(
        daemon,
        out,
        "StopNode",
        { node, force, local },
        { title: `Stopping ${node}`, signal, timeout: options.timeout },
      );
      return awaitEnd(daemon, out, end, "Stopped", options, signal);
    },
    (end) => (end.kind === "done" ? `Stopped node \`${end.node.id}\`` : `Stop of node \`${end.nodeId}\` requested`),
  );
}
