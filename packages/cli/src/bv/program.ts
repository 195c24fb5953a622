import type { Verb } from "../command/verb.ts";

export const bv = {
  name: "bv",
  summary: "operate the nodes of this machine",
  verbs: [],
} as const satisfies Verb;
