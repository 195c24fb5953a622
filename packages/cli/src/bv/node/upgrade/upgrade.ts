import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { nodeView } from "../../../daemon/node-view.ts";
import { followOperation } from "../../../daemon/operation.ts";
import { Failure } from "../../../failure/failure.ts";
import { forEachNode, localNodes } from "../several-nodes.ts";
import { awaitEnd } from "../wait.ts";
import type { UpgradeOptions } from "./verb.ts";

/** `bv node upgrade` (host-daemon §2.2). One that fails does not keep the others back. */
export async function upgradeNodes(call: Call<UpgradeOptions, [nodes: readonly string[]]>): Promise<void> {
  const { out, args, options, signal } = call;
  const [named] = args;
  if (named.length === 0 && !options.all) {
    throw new Failure("usage", "<ID_OR_NAMES> can't be empty list", {
      hint: "name nodes, or say --all; `bv node ls` lists them",
    });
  }
  if (named.length > 0 && options.all) throw new Failure("usage", "give either names or --all");
  const daemon = new DaemonClient(out);
  const nodes = options.all ? (await localNodes(daemon)).map(({ id }) => id) : named;
  const { version, build } = options;
  const image = {
    ...(version === undefined ? {} : { version }),
    ...(build === undefined ? {} : { build: String(build) }),
  };
  await forEachNode(
    out,
    nodes,
    async (node) => {
      const before = nodeView(await daemon.call("GetNode", { node }, { signal }));
      const title = `Upgrading ${node}`;
      const end = await followOperation(
        daemon,
        out,
        "UpgradeNode",
        { node, ...image },
        { title, signal, timeout: options.timeout },
      );
      return awaitEnd(daemon, out, end, { upgradeOf: before.image.id }, options, signal);
    },
    (end) =>
      end.kind === "done"
        ? `Upgraded node \`${end.node.id}\` to ${end.node.image.version}`
        : `Node \`${end.nodeId}\` upgrade triggered`,
  );
}
