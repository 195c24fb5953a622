import type { Verb } from "../../../command/verb.ts";
import {
  jobCleanupVerb,
  jobDeleteVerb,
  jobResetVerb,
  jobRestartVerb,
  jobSkipVerb,
  jobStartVerb,
  jobStopVerb,
} from "./control/verbs.ts";
import { jobGraphVerb } from "./graph/verb.ts";
import { jobInfoVerb } from "./info/verb.ts";
import { jobLimitsVerb } from "./limits/verb.ts";
import { jobListVerb } from "./list/verb.ts";
import { jobLogsVerb } from "./logs/verb.ts";
import { nodeBeforeSubCommand } from "./words.ts";

export const jobVerbs: Verb = {
  name: "job",
  aliases: ["j"],
  summary: "look at and control the jobs of a node: bv node job [NODE] COMMAND",
  verbs: [
    jobListVerb,
    jobStartVerb,
    jobStopVerb,
    jobRestartVerb,
    jobSkipVerb,
    jobCleanupVerb,
    jobResetVerb,
    jobDeleteVerb,
    jobInfoVerb,
    jobLogsVerb,
    jobGraphVerb,
    jobLimitsVerb,
  ],
  rewrite: nodeBeforeSubCommand,
};
