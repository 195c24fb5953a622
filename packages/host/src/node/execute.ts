import type { NodeParts } from "./node-host.ts";
import type { ExecutorTable, Outcome, StepContext } from "./outcome.ts";
import type { Step } from "./step.ts";
import { contentSteps } from "./steps-content.ts";
import { dataSteps } from "./steps-data.ts";
import { downSteps } from "./steps-down.ts";
import { upSteps } from "./steps-up.ts";
import { upgradeSteps } from "./steps-upgrade.ts";

const executors: ExecutorTable = { ...contentSteps, ...dataSteps, ...upSteps, ...downSteps, ...upgradeSteps };

/** Does one step of the plan. */
export async function execute(node: NodeParts, step: Step, context: StepContext): Promise<Outcome> {
  // The table is indexed by the step's own kind, so executor and step belong together; TypeScript cannot express the correlation.
  const run = executors[step.kind] as (node: NodeParts, step: Step, context: StepContext) => Promise<Outcome>;
  return run(node, step, context);
}
