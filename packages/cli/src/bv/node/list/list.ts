import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { type NodeStatusWord, type NodeView, nodeView } from "../../../daemon/node-view.ts";
import { durationText } from "../../../output/duration.ts";
import type { Colour } from "../../../output/paint.ts";
import type { Column } from "../../../output/table.ts";
import type { ListOptions } from "./verb.ts";

const statusColours: Readonly<Record<NodeStatusWord, Colour>> = {
  Running: "green",
  Stopped: "yellow",
  Busy: "yellow",
  Failed: "red",
};

const columns: readonly Column<NodeView>[] = [
  { title: "ID", value: ({ id }) => id, align: "right" },
  { title: "Name", value: ({ name }) => name, colour: "cyan" },
  {
    title: "Image",
    value: ({ image }) => `${image.protocol_key}/${image.variant_key}/${image.version}`,
    colour: "blue",
  },
  { title: "State", value: ({ status }) => status, colour: ({ status }) => statusColours[status] },
  { title: "IP Address", value: ({ ip }) => ip, colour: "yellow" },
  { title: "Uptime  [h:m:s]", value: ({ uptime_secs }) => durationText(uptime_secs) },
];

/** `bv node list` (host-daemon §2.2). */
export async function listNodes({ out, options, signal }: Call<ListOptions, []>): Promise<void> {
  const response = await new DaemonClient(out).call("ListNodes", { local: options.local ?? false }, { signal });
  for (const message of response.warnings ?? []) out.warn({ code: "BV420", message });
  const nodes = (response.nodes ?? [])
    .map((node) => nodeView(node))
    .filter((node) => !options.running || node.status === "Running")
    .filter((node) => !options.tag || options.tag.some((tag) => node.tags.includes(tag)))
    .sort((a, b) => a.name.localeCompare(b.name) || a.id.localeCompare(b.id));
  if (nodes.length === 0) out.line("No nodes found.");
  else out.table(columns, nodes);
  out.document({ nodes, warnings: response.warnings ?? [] });
}
