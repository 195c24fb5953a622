import { resolve } from "node:path";
import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { followOperation } from "../../../daemon/operation.ts";
import { Failure } from "../../../failure/failure.ts";
import { plainId } from "../which-node.ts";
import type { MoveDataOptions } from "./verb.ts";

/** `bv node move-data`. */
export async function moveData(call: Call<MoveDataOptions, [node: string, directory?: string]>): Promise<void> {
  const { out, args, options, signal } = call;
  const [node, given] = args;
  if ((given === undefined) === (options.back === undefined)) {
    throw new Failure("usage", "say where the data go: either a directory or --back");
  }
  const daemon = new DaemonClient(out);
  const directory = given === undefined ? "" : resolve(given);
  const title = `Moving the data of ${node}`;
  const end = await followOperation(daemon, out, "MoveNodeData", { node: plainId(node), directory }, { title, signal });
  if (end.kind !== "done") return;
  const place = directory === "" ? `${end.node.directory}/data` : `${directory}/blockvisor-data/${end.node.id}`;
  out.line(`Moved the data of node \`${end.node.id}\` to ${place}`);
  out.document({ node: end.node, data: place });
}
