import { dumpNode } from "../../../bv/node/dump.ts";
import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import type { NodeView } from "../../../daemon/node-view.ts";
import { followOperation } from "../../../daemon/operation.ts";
import { Failure } from "../../../failure/failure.ts";
import { createDevNode } from "../../dev-node/create.ts";
import { chooseProperties, chooseVariant, readImage } from "../../metadata/read-image.ts";
import type { PlayOptions } from "./verb.ts";

/** `nib image play` (nib-and-images §5.5). */
export async function playImage({ out, options, signal }: Call<PlayOptions, []>): Promise<void> {
  if (options.rm && !options.watch) throw new Failure("usage", "--rm is about the end of --watch");
  const variant = chooseVariant(readImage(options.path), options.variant);
  const properties = chooseProperties(out, variant, options);
  const { start = false, keep = false, watch = false } = options;
  // Who watches wants to correct what does not start; that node stays.
  const created = await createDevNode(out, variant, properties, options, { signal, start: start && !watch, keep });
  out.line(`Created dev_node \`${created.id}\` named \`${created.name}\``);
  const daemon = new DaemonClient(out);
  let node: NodeView = created;
  if (watch) {
    const title = `Starting ${created.name}`;
    const end = await followOperation(daemon, out, "StartNode", { node: created.id, local: true }, { title, signal });
    if (end.kind === "done") node = end.node;
  }
  out.line(dumpNode(node));
  if (!watch) out.document({ node });
  else await (await import("./watch.ts")).watchImage(daemon, out, node, options, signal);
}
