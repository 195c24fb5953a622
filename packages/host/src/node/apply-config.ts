import type { CallOptions } from "@blockvisor/plugin";
import { AgentError } from "../agent/agent-error.ts";
import { reportOf } from "../errors/host-error.ts";
import type { HeldNode } from "./run-lifecycle.ts";
import { keepingSteps } from "./step-journal.ts";
import { refuseBlockingJobs } from "./steps-upgrade.ts";

export interface AppliedConfig {
  /** What the plugin's config says otherwise than the one that jobs were defined by. */
  readonly changes: readonly string[];
  /** What has to be done for jobs to follow it; empty: they do. */
  readonly pending: string;
}

/**
 * Evaluates the config of a running node's plugin, and makes services what it says (spec plugin-api §1 Do better: by difference). That it
 * has begun is durable before anything is stopped for it: a daemon that is killed meanwhile leaves a node that goes on there.
 * Errors: those of the plugin, and of the services that could not be defined; services that were not touched go on with what they have.
 */
export async function applyConfig(
  { parts, save }: Omit<HeldNode, "isUp">,
  options: CallOptions & { readonly signal: AbortSignal },
  progress: (message: string) => void = () => {},
): Promise<AppliedConfig> {
  const { plugin, state } = parts;
  const { signal } = options;
  const evaluated = await plugin.reevaluate(options);
  if (evaluated === undefined) return { changes: [], pending: "" };
  const { config, changes } = evaluated;
  const inTheWay = await refuseBlockingJobs(parts, signal).catch((error: unknown) => reportOf(error));
  if (inTheWay) return { changes, pending: changes.length > 0 ? `${inTheWay.hint}; then reload it again` : "" };
  const settled = { config_dirty: false, step_record: null };
  await save({ config_dirty: true });
  try {
    const isDone = await keepingSteps(state, save, progress, (steps) =>
      plugin.applyConfig(config, { ...options, ...steps }),
    );
    await save(settled);
    return { changes, pending: isDone || changes.length === 0 ? "" : onlyInit };
  } catch (error) {
    if (!signal.aborted && !lostBabel(error)) await save(settled);
    throw error;
  }
}

/** Whether babel was in the way, not what scripts say: a service may be stopped that has to be started when babel is back. */
export function lostBabel(error: unknown): boolean {
  const cause = error instanceof Error && error.cause instanceof AgentError ? error.cause : error;
  return cause instanceof AgentError && ["agent_unreachable", "agent_timeout", "cancelled"].includes(cause.code);
}

const onlyInit = "only `bv node run init` can tell what that means";
