import type { Verb } from "../../command/verb.ts";
import { nodeCapabilitiesVerb } from "./capabilities/verb.ts";
import { nodeCloneVerb } from "./clone/verb.ts";
import { nodeCreateVerb } from "./create/verb.ts";
import { nodeDeleteVerb } from "./delete/verb.ts";
import { nodeEventsVerb } from "./events/verb.ts";
import { nodeFirewallVerb } from "./firewall/verb.ts";
import { nodeInfoVerb } from "./info/verb.ts";
import { jobVerbs } from "./job/verbs.ts";
import { nodeListVerb } from "./list/verb.ts";
import { nodeLogsVerb } from "./logs/verb.ts";
import { nodeMoveDataVerb } from "./move-data/verb.ts";
import { nodePortsVerb } from "./ports/verb.ts";
import { nodeReloadPluginVerb } from "./reload-plugin/verb.ts";
import { nodeRepairVerb } from "./repair/verb.ts";
import { nodeRestartVerb } from "./restart/verb.ts";
import { nodeRollbackVerb } from "./rollback/verb.ts";
import { nodeRunVerb } from "./run/verb.ts";
import { nodeShellVerb } from "./shell/verb.ts";
import { nodeStartVerb } from "./start/verb.ts";
import { nodeStatusVerb } from "./status/verb.ts";
import { nodeStopVerb } from "./stop/verb.ts";
import { nodeTasksVerb } from "./tasks/verb.ts";
import { nodeUpgradeVerb } from "./upgrade/verb.ts";

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
    nodeUpgradeVerb,
    nodeRollbackVerb,
    nodeDeleteVerb,
    nodeCloneVerb,
    nodeMoveDataVerb,
    nodeRepairVerb,
    nodeStatusVerb,
    nodeInfoVerb,
    nodeEventsVerb,
    nodeLogsVerb,
    nodeTasksVerb,
    nodeFirewallVerb,
    nodePortsVerb,
    nodeCapabilitiesVerb,
    nodeRunVerb,
    jobVerbs,
    nodeShellVerb,
    nodeReloadPluginVerb,
  ],
};
