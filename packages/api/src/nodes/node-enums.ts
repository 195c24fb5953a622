import { NextState, NodeHealth, NodeState } from "@blockvisor/wire/blockjoy/common/v1/node";
import type { NextStateName, NodeHealthName, NodeStateName } from "../database/schema.ts";
import { invalidArgument } from "../rpc-error.ts";

/** Stored names ↔ wire numbers. */
export const nodeStates = {
  starting: NodeState.STARTING,
  running: NodeState.RUNNING,
  stopped: NodeState.STOPPED,
  failed: NodeState.FAILED,
  upgrading: NodeState.UPGRADING,
  deleting: NodeState.DELETING,
  deleted: NodeState.DELETED,
} as const satisfies Record<NodeStateName, NodeState>;

export const nextStates = {
  stopping: NextState.STOPPING,
  deleting: NextState.DELETING,
  upgrading: NextState.UPGRADING,
} as const satisfies Record<NextStateName, NextState>;

export const nodeHealths = {
  healthy: NodeHealth.HEALTHY,
  neutral: NodeHealth.NEUTRAL,
  unhealthy: NodeHealth.UNHEALTHY,
} as const satisfies Record<NodeHealthName, NodeHealth>;

/** @throws INVALID_ARGUMENT for the unspecified and for unknown numbers */
export function nameOf<Name extends string>(names: Readonly<Record<Name, number>>, value: number, field: string): Name {
  for (const name in names) if (names[name] === value) return name;
  throw invalidArgument(field);
}
