import type { Verb } from "../../command/verb.ts";
import { nodeCapabilitiesVerb } from "./capabilities/verb.ts";
import { nodeCreateVerb } from "./create/verb.ts";
import { nodeDeleteVerb } from "./delete/verb.ts";
import { nodeFirewallVerb } from "./firewall/verb.ts";
import { nodeInfoVerb } from "./info/verb.ts";
import { jobVerbs } from "./job/verbs.ts";
import { nodeListVerb } from "./list/verb.ts";
import { nodeReloadPluginVerb } from "./reload-plugin/verb.ts";
import { nodeRestartVerb } from "./restart/verb.ts";
import { nodeRunVerb } from "./run/verb.ts";
import { nodeShellVerb } from "./shell/verb.ts";
import { nodeStartVerb } from "./start/verb.ts";
import { nodeStatusVerb } from "./status/verb.ts";
import { nodeStopVerb } from "./stop/verb.ts";

export const nodeVerbs: Verb = {
  name: "node",
  aliases: ["n"],
  summary: "list, create and control nodes",
  verbs: [
    nodeListVerb,
    nodeCreateVerb,
    nodeStartVerb,
    nodeStopVerb,
    nodeRestartVerb,
    nodeDeleteVerb,
    nodeStatusVerb,
    nodeInfoVerb,
    nodeFirewallVerb,
    nodeCapabilitiesVerb,
    nodeRunVerb,
    jobVerbs,
    nodeShellVerb,
    nodeReloadPluginVerb,
  ],
};
