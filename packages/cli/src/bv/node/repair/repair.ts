import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { nodeView } from "../../../daemon/node-view.ts";
import { readText } from "../../../files/read-text.ts";
import { plainId } from "../which-node.ts";
import type { RepairOptions } from "./verb.ts";

/** The daemon looks at everything of the node before it answers. */
const attachTimeoutMs = 120_000;

/** `bv node repair` (host-daemon DB-1.5). */
export async function repairNode({ out, args, options, signal }: Call<RepairOptions, [node: string]>): Promise<void> {
  const daemon = new DaemonClient(out);
  const state =
    options.state === undefined
      ? {}
      : { stateJson: readText(options.state, "say which file holds a state.json of this node") };
  const request = { node: plainId(args[0]), ...state };
  const node = nodeView(await daemon.call("RepairNode", request, { signal, timeoutMs: attachTimeoutMs }));
  out.line(`Node \`${node.name}\` is not broken: ${node.status}`);
  out.document({ node });
}
