import type { Verb } from "../command/verb.ts";
import { requireRegisteredHost } from "../place/root.ts";
import { hostVerbs } from "./host/verbs.ts";
import { nodeVerbs } from "./node/verbs.ts";
import { startVerb } from "./start/verb.ts";
import { statusVerb } from "./status/verb.ts";
import { stopVerb } from "./stop/verb.ts";

export const bv = {
  name: "bv",
  summary: "operate the nodes of this machine",
  verbs: [startVerb, stopVerb, statusVerb, nodeVerbs, hostVerbs],
  beforeEach: requireRegisteredHost,
} as const satisfies Verb;
