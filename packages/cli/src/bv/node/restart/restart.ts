import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { followOperation } from "../../../daemon/operation.ts";
import { Failure } from "../../../failure/failure.ts";
import { forEachNode } from "../several-nodes.ts";
import { awaitEnd, findNode } from "../wait.ts";
import type { RestartOptions } from "./verb.ts";

/** `bv node restart` (host-daemon §2.2). */
export async function restartNodes(call: Call<RestartOptions, [nodes: readonly string[]]>): Promise<void> {
  const { out, options, signal } = call;
  const [nodes] = call.args;
  if (nodes.length === 0) {
    throw new Failure("usage", "<ID_OR_NAMES> can't be empty list", {
      hint: "name the nodes to restart; `bv node ls` lists them",
    });
  }
  const daemon = new DaemonClient(out);
  const { force = false, local = false } = options;
  await forEachNode(
    out,
    nodes,
    async (node) => {
      const before = await findNode(daemon, node, signal);
      const end = await followOperation(
        daemon,
        out,
        "RestartNode",
        { node, force, local },
        { title: `Restarting ${node}`, signal, timeout: options.timeout },
      );
      return awaitEnd(daemon, out, end, { restartOf: before?.pid ?? null }, options, signal);
    },
    (end) =>
      end.kind === "done" ? `Restarted node \`${end.node.id}\`` : `Restart of node \`${end.nodeId}\` requested`,
  );
}
