import type { NodeState, OperationKind } from "./node-state.ts";
import type { Observed } from "./observed.ts";
import type { OperationNews } from "./operation-news.ts";

export interface OperationRequest {
  readonly kind: OperationKind;
  /**
   * How the operation changes what the node should be; called when its turn has come. An empty change still makes the loop run.
   * Throwing refuses the operation without any effect.
   */
  readonly change: (state: NodeState, seen: Observed) => Partial<NodeState>;
  /** A stop or restart that does not wait: one that goes on in order is given up for it. */
  readonly force?: boolean;
  /**
   * The last command that changed the node changes nothing when it comes again, so that it takes effect once; it is answered as it ended.
   */
  readonly commandId?: string;
  /** The request of this machine that it is for, as the log names it. */
  readonly requestId?: string;
  /** It was begun by another daemon: what it has found since, like why it goes back, stays known. */
  readonly resumed?: boolean;
  /** What the change makes undone of what is seen. */
  readonly forget?: Partial<Observed>;
  readonly onNews?: (news: OperationNews) => void;
  /** Who asks for it, where it is neither the API nor the loop itself. */
  readonly origin?: "local" | "disk-guard";
}

/** Operations that must not wait for what runs, because it might never end. */
const preempts: Readonly<Partial<Record<OperationKind, readonly OperationKind[]>>> = {
  stop: ["create", "start", "restart", "recover", "update", "upgrade", "rollback", "move"],
  delete: ["create", "start", "stop", "restart", "recover", "update", "upgrade", "rollback", "move"],
};

/** What does not wait by force, takes the place of what waits in order. */
const preemptsByForce: typeof preempts = { stop: ["stop"], restart: ["stop", "restart"] };

/** Whether `current`, which runs or waits, is given up for what comes. */
export function isPreempted(current: OperationKind, { kind, force = false }: OperationRequest): boolean {
  const over = [...(preempts[kind] ?? []), ...(force ? (preemptsByForce[kind] ?? []) : [])];
  return over.includes(current);
}

/** Scripts that run, or wait for their turn, are given up for these. */
export function preemptsScripts({ kind }: OperationRequest): boolean {
  return preempts[kind] !== undefined;
}
