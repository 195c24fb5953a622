import type { NodeOperation } from "./node-state.ts";
import type { StepKind } from "./step.ts";

/** What an operation tells while it waits for its turn and while it runs. */
export type OperationNews =
  | { readonly kind: "waits"; readonly behind: NodeOperation }
  | { readonly kind: "begins"; readonly operation: NodeOperation }
  | { readonly kind: "step"; readonly step: StepKind; readonly title: string; readonly finished: boolean }
  | {
      readonly kind: "progress";
      readonly step: StepKind;
      readonly message: string;
      readonly percent: number | undefined;
    };
