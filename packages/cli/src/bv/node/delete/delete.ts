import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { type NodeView, nodeView } from "../../../daemon/node-view.ts";
import { followOperation } from "../../../daemon/operation.ts";
import { Failure } from "../../../failure/failure.ts";
import { confirm } from "../../../output/question.ts";
import { forEachNode, localNodes } from "../several-nodes.ts";
import { awaitEnd } from "../wait.ts";
import { plainId } from "../which-node.ts";
import type { DeleteOptions } from "./verb.ts";

/** `bv node delete` (host-daemon §2.2). */
export async function deleteNodes(call: Call<DeleteOptions, [nodes: readonly string[]]>): Promise<void> {
  const { out, options, signal } = call;
  const daemon = new DaemonClient(out);
  const nodes = await chosenNodes(daemon, options, call.args[0]);
  if (nodes.length === 0) {
    out.line("No nodes found.");
    out.document({ nodes: [] });
    return;
  }
  if (!options.yes && !(await confirm(question(options, nodes)))) return;
  const local = options.local ?? options.force ?? false;
  await forEachNode(
    out,
    nodes.map(({ id }) => id),
    async (node) => {
      const end = await followOperation(
        daemon,
        out,
        "DeleteNode",
        { node, local },
        { title: `Deleting ${node}`, signal, timeout: options.timeout },
      );
      return awaitEnd(daemon, out, end, "Deleted", options, signal);
    },
    (end) => {
      if (end.kind === "done") return `Deleted node \`${end.node.name}\``;
      const name = nodes.find(({ id }) => id === end.nodeId)?.name ?? end.nodeId;
      return options.wait ? `Deleted node \`${name}\`` : `Deletion of node \`${name}\` requested`;
    },
  );
}

async function chosenNodes(
  daemon: DaemonClient,
  options: DeleteOptions,
  names: readonly string[],
): Promise<readonly NodeView[]> {
  const selectors = [names.length > 0, options.tags !== undefined, options.all === true].filter(Boolean).length;
  if (selectors !== 1) {
    throw new Failure("usage", "say which nodes: exactly one of names, --tags and --all", {
      hint: "`bv node ls` lists them",
    });
  }
  if (names.length > 0) {
    const found = names.map((name) => daemon.call("GetNode", { node: plainId(name) }));
    return (await Promise.all(found)).map((node) => nodeView(node));
  }
  const nodes = await localNodes(daemon);
  return options.all ? nodes : nodes.filter((node) => options.tags?.some((tag) => node.tags.includes(tag)));
}

function question(options: DeleteOptions, nodes: readonly NodeView[]): string {
  if (options.all) return "Are you sure you want to delete all nodes?";
  return `Are you sure you want to delete following node(s)?\n${nodes.map(({ name }) => `  ${name}`).join("\n")}\n`;
}
