import { isDeepStrictEqual } from "node:util";
import { dumpNode } from "../../../bv/node/dump.ts";
import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { type NodeView, nodeView } from "../../../daemon/node-view.ts";
import { followOperation } from "../../../daemon/operation.ts";
import { Failure } from "../../../failure/failure.ts";
import { devNodeImage, secretProperties } from "../../dev-node/request.ts";
import { chooseProperties, chooseVariant, readImage } from "../../metadata/read-image.ts";
import type { UpgradeOptions } from "./verb.ts";

/** `nib image upgrade` (nib-and-images §5.7): the node's own variant, as the file has it now. */
export async function upgradeImage(call: Call<UpgradeOptions, [node: string]>): Promise<void> {
  const { out, args, options, signal } = call;
  const file = readImage(options.path);
  const daemon = new DaemonClient(out);
  const before = nodeView(await daemon.call("GetNode", { node: args[0], showValues: true }, { signal }));
  const variant = chooseVariant(file, before.image.variant_key);
  const defaults = chooseProperties(out, variant, options);
  // What the node was given stays, what the image no longer has goes, what is new starts with its default.
  const kept = Object.entries(before.properties).filter(([key]) => key in defaults && options.props === undefined);
  const values = { ...defaults, ...Object.fromEntries(kept) };
  const request = {
    node: before.id,
    ...devNodeImage(variant, options.path),
    properties: { values, secretProperties: secretProperties(variant) },
    force: options.force ?? false,
    smokeCheck: options.smokeCheck ?? false,
    watchMs: Math.round((options.watch ?? 0) * 1000),
  };
  const title = `Upgrading ${before.name}`;
  const end = await followOperation(daemon, out, "UpgradeDevNode", request, { title, signal });
  if (end.kind !== "done") throw new Failure("daemon-refused", "blockvisord did not upgrade the dev node itself");
  const changed = isChanged(before, end.node) || !isDeepStrictEqual(before.properties, values);
  const what = changed ? "Upgraded dev_node" : "The image is the same, nothing to upgrade in dev_node";
  out.line(`${what} \`${end.node.id}\` named \`${end.node.name}\``);
  out.line(dumpNode(end.node));
  out.document({ node: end.node, changed });
}

function isChanged(before: NodeView, after: NodeView): boolean {
  const parts = ({ image, vm_config, firewall }: NodeView) => JSON.stringify([image, vm_config, firewall]);
  return parts(before) !== parts(after);
}
