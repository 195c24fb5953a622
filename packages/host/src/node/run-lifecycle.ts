import type { CallOptions } from "@blockvisor/plugin";
import { HostError, reportOf } from "../errors/host-error.ts";
import type { NodeParts } from "./node-host.ts";
import type { NodeState } from "./node-state.ts";
import { keepingSteps } from "./step-journal.ts";

/** Functions of a plugin that work on all jobs of the node. */
export type LifecycleFunction = "init" | "upload";

export function isLifecycle(name: string): name is LifecycleFunction {
  return name === "init" || name === "upload";
}

/** A node whose mailbox is held. */
export interface HeldNode {
  readonly parts: NodeParts;
  readonly isUp: boolean;
  readonly save: (change: Partial<NodeState>) => Promise<void>;
}

/**
 * Runs `init` or `upload` of a node's plugin. That it has begun is durable before anything is stopped for it: a daemon that is killed meanwhile,
 * or a `signal` that gives it up, leaves a node that knows what is to be finished when it next runs.
 */
export async function runLifecycle(
  name: LifecycleFunction,
  param: string,
  { parts, isUp, save }: HeldNode,
  options: CallOptions & { readonly signal: AbortSignal },
): Promise<string> {
  const { signal } = options;
  if (signal.aborted) throw new HostError("cancelled", `'${name}' was given up for a later operation on the node`);
  const { plugin } = parts;
  const { initialized } = parts.state();
  if (isUp && plugin.capabilities.includes(name)) {
    await save(name === "init" ? { initialized: false } : { uploading: true });
  }
  try {
    const value = await keepingSteps(parts.state, save, noProgress, (steps) =>
      plugin.call(name, param, { ...options, ...steps }),
    );
    await save(name === "init" ? { initialized, uploading: false } : { uploading: false });
    return value;
  } catch (error) {
    // What was given up is finished by the way up that comes next.
    if (!signal.aborted && isUp) await (name === "init" ? save({ initialized }) : resume(parts, save, signal));
    throw error;
  }
}

const noProgress = (): void => {};

async function resume({ plugin, log, state }: NodeParts, save: HeldNode["save"], signal: AbortSignal): Promise<void> {
  try {
    await keepingSteps(state, save, noProgress, (steps) => plugin.resumeServices({ signal, ...steps }));
    await save({ uploading: false });
  } catch (error) {
    log.warn(`services that an upload stopped are not running yet: ${reportOf(error).message}`);
  }
}
