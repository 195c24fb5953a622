import type { NodeParts } from "./node-host.ts";
import type { NodeState } from "./node-state.ts";
import type { Observed } from "./observed.ts";
import type { Step, StepKind } from "./step.ts";

/** What a step changed: in the world, and in what is to be made durable. */
export interface Outcome {
  readonly seen?: Partial<Observed>;
  readonly state?: Partial<NodeState>;
  /** The node does not exist any more. */
  readonly gone?: true;
}

export interface StepContext {
  readonly state: NodeState;
  /** Fires when the operation was given up for a more important one. */
  readonly signal: AbortSignal;
  /** For people; percent 0–100 where known. */
  readonly progress: (message: string, percent?: number) => void;
  /** Makes a change durable before the step has ended. */
  readonly save: (change: Partial<NodeState>) => Promise<void>;
}

type StepOf<K extends StepKind> = Extract<Step, { readonly kind: K }>;

/** Does one kind of step. Repeating it is harmless, and so is being killed anywhere in it. */
type Executor<K extends StepKind> = (node: NodeParts, step: StepOf<K>, context: StepContext) => Promise<Outcome>;

export type ExecutorTable<K extends StepKind = StepKind> = { readonly [Kind in K]: Executor<Kind> };
