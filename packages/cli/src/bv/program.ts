import type { Verb } from "../command/verb.ts";
import { completionVerbs } from "../completion/verbs.ts";
import { requireRegisteredHost } from "../place/root.ts";
import { archiveVerbs } from "./archive/verbs.ts";
import { doctorVerb } from "./doctor/verb.ts";
import { hostVerbs } from "./host/verbs.ts";
import { nodeVerbs } from "./node/verbs.ts";
import { protocolVerbs } from "./protocol/verbs.ts";
import { startVerb } from "./start/verb.ts";
import { statusVerb } from "./status/verb.ts";
import { stopVerb } from "./stop/verb.ts";

export const bv: Verb & { readonly name: "bv" } = {
  name: "bv",
  summary: "operate the nodes of this machine",
  verbs: [
    startVerb,
    stopVerb,
    statusVerb,
    nodeVerbs,
    hostVerbs,
    protocolVerbs,
    archiveVerbs,
    doctorVerb,
    ...completionVerbs(() => bv),
  ],
  beforeEach: requireRegisteredHost,
};
