import { readFileSync } from "node:fs";
import { childrenOf, identifyProcess, type ProcessIdentity } from "../runtime/index.ts";

export type FirstAgent =
  /** The container has only just come up. */
  | { readonly kind: "starting" }
  | { readonly kind: "running"; readonly process: ProcessIdentity }
  | { readonly kind: "ended" };

/**
 * The babel that a container begins with: init has one child, the shell of the agent's `init.sh`, which has babel as its child, and becomes
 * `sleep infinity` when babel has ended.
 */
export function firstAgentOf(init: ProcessIdentity): FirstAgent {
  const [shell] = childrenOf(init.pid);
  if (shell === undefined) return identifyProcess(init.pid) ? { kind: "starting" } : { kind: "ended" };
  if (isAsleep(shell)) return { kind: "ended" };
  const [babel] = childrenOf(shell);
  const process = babel === undefined ? undefined : identifyProcess(babel);
  return process ? { kind: "running", process } : { kind: "starting" };
}

function isAsleep(shell: number): boolean {
  try {
    return readFileSync(`/proc/${shell}/cmdline`, "latin1").split("\0").includes("infinity");
  } catch {
    return true;
  }
}
