import type { InitOptions, InitStep, StepRecord } from "@blockvisor/plugin";
import { cutPoint } from "../durable/index.ts";
import type { NodeState } from "./node-state.ts";

type Change = Partial<NodeState>;

/** Init, an upload, or what changed parameters mean, completes or begins anew: what was recorded before says nothing any more. */
export function withChange(state: NodeState, change: Change): NodeState {
  const isNewRun = "initialized" in change || "uploading" in change || "services_dirty" in change;
  return { ...state, ...(isNewRun ? { step_record: null } : {}), ...change };
}

/**
 * Lets the plugin's default init or upload keep in the node's state how far it got (spec plugin-api §4 "Do better"). Nothing is written any
 * more once `work` has ended: the state is somebody else's then.
 */
export async function keepingSteps<T>(
  state: () => NodeState,
  save: (change: Change) => Promise<void>,
  progress: (message: string) => void,
  work: (options: Pick<InitOptions, "journal" | "onStep">) => Promise<T>,
): Promise<T> {
  let written = Promise.resolve();
  let isOver = false;
  const write = async (record: StepRecord | undefined, next?: InitStep): Promise<void> => {
    if (isOver) return;
    written = save({ step_record: record ? recordOf(record, next) : null });
    await written;
    if (next?.kind === "data_stage") await cutPoint("started.initialize", state().id);
  };
  const journal = { read: async () => state().step_record ?? undefined, write };
  try {
    return await work({ journal, onStep: (step) => progress(describeStep(step)) });
  } finally {
    isOver = true;
    await written.catch(() => {});
  }
}

function recordOf({ services, ...record }: StepRecord, next?: InitStep): NonNullable<NodeState["step_record"]> {
  return { ...record, services: services && [...services], next: next ? describeStep(next) : "" };
}

function describeStep(step: InitStep): string {
  switch (step.kind) {
    case "stop_jobs":
      return "stopping jobs";
    case "render":
      return `rendering ${step.destination}`;
    case "command":
      return `running: ${step.command.split("\n")[0]?.slice(0, 80)}`;
    case "job":
      return `creating job ${step.name}`;
    case "data_stage":
      return "deciding where protocol data come from";
    case "choose_services":
      return "comparing services with what they run by";
    case "stop_service":
      return `stopping ${step.name}`;
    case "task":
      return `scheduling ${step.name}`;
  }
}
