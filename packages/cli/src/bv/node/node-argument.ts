import type { VerbArgument } from "../../command/verb.ts";

export const nodeArgument: VerbArgument = {
  usage: "[node]",
  summary: "name, id or the beginning of one (default: the node whose directory this is, or the only one)",
  completes: "node",
};

export const nodesArgument: VerbArgument = {
  usage: "[nodes...]",
  summary: "names, ids or beginnings of them",
  completes: "node",
};
