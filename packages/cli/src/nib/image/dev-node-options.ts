import type { VerbOption } from "../../command/verb.ts";

/** Options of every verb that makes a dev node. */
export const devNodeOptions: readonly VerbOption[] = [
  {
    flags: "--ip <address>",
    summary: "address of the node (default: a free one of each family); may be repeated",
    repeats: true,
  },
  { flags: "--gateway <address>", summary: "gateway the node is told (default: the host's)" },
  {
    flags: "--publish <mapping>",
    summary: "a port of this machine that leads to one of the node, [HOST:]NODE[/tcp|/udp]; may be repeated",
    repeats: true,
  },
  { flags: "--tag <tag>", summary: "a tag of the node; may be repeated", repeats: true },
];
