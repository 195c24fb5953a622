import { setTimeout as delay } from "node:timers/promises";
import { seconds } from "../../command/values.ts";
import type { VerbOption } from "../../command/verb.ts";
import type { DaemonClient } from "../../daemon/client.ts";
import { type NodeView, nodeView } from "../../daemon/node-view.ts";
import type { OperationEnd } from "../../daemon/operation.ts";
import { Failure } from "../../failure/failure.ts";
import type { Output } from "../../output/output.ts";

export interface WaitOptions {
  readonly wait?: true;
  /** Seconds. */
  readonly timeout?: number;
}

/** Of verbs that the control plane carries out as commands, after they returned (DB-2.5). */
export const waitOptions: readonly VerbOption[] = [
  { flags: "--wait", summary: "wait until it is done, also when the control plane does it" },
  {
    flags: "--timeout <time>",
    summary: "how long to wait (default: what is done here as long as it takes, what the control plane does 300 s)",
    parse: seconds,
  },
];

const defaultTimeout = 300;

/** `restartOf`: running again, and not the container (its init's pid) that ran before; `upgradeOf`: at rest, on another image than that id. */
export type Awaited =
  | "Running"
  | "Stopped"
  | "Deleted"
  | { readonly restartOf: number | null }
  | { readonly upgradeOf: string };

const pollMs = 300;

/** Waits for what was only requested; what is done already is returned as it is. */
export async function awaitEnd(
  daemon: DaemonClient,
  out: Output,
  end: OperationEnd,
  wanted: Awaited,
  options: WaitOptions,
  signal: AbortSignal,
): Promise<OperationEnd> {
  if (end.kind === "done" || !options.wait) return end;
  const node = await awaitNode(daemon, out, end.nodeId, wanted, options, signal);
  return node ? { kind: "done", node } : end;
}

/** Looks at a node until it is as wanted; undefined when it is gone, as wanted. Errors: the time is over, the node failed. */
export async function awaitNode(
  daemon: DaemonClient,
  out: Output,
  id: string,
  wanted: Awaited,
  { timeout = defaultTimeout }: WaitOptions,
  signal: AbortSignal,
): Promise<NodeView | undefined> {
  const progress = out.progress(`Waiting for node ${id}`);
  const deadline = performance.now() + timeout * 1000;
  const begun = Date.now();
  let node: NodeView | undefined;
  try {
    for (;;) {
      node = await findNode(daemon, id, signal);
      if (isReached(node, wanted)) break;
      if (node?.problem && isOver(node, wanted, begun)) {
        throw new Failure("daemon-refused", `node ${id} failed: ${node.problem.message}`, {
          hint: "`bv node info` shows the node; the control plane's command has the reason too",
        });
      }
      if (performance.now() > deadline) {
        throw new Failure("node-busy", `node ${id} is not ${wordOf(wanted)} after ${timeout} s`, {
          hint: node?.operation
            ? `it is busy: ${node.operation.kind}, ${node.operation.step}`
            : "`bv node ls` shows it",
        });
      }
      progress.update(
        node?.operation ? `${node.operation.kind}: ${node.operation.step}` : (node?.status ?? "not there yet"),
      );
      await delay(pollMs, undefined, { signal });
    }
    progress.done(`Node ${id} is ${wordOf(wanted)}`);
    return node;
  } catch (error) {
    progress.failed();
    throw error;
  }
}

function isReached(node: NodeView | undefined, wanted: Awaited): boolean {
  if (wanted === "Deleted") return node === undefined;
  if (node === undefined || node.remote) return false;
  if (typeof wanted === "string") return node.status === wanted;
  if ("upgradeOf" in wanted) return node.image.id !== wanted.upgradeOf && ["Running", "Stopped"].includes(node.status);
  return node.status === "Running" && node.pid !== wanted.restartOf;
}

/** Whether what is wrong with the node means that it will not become what is wanted. */
function isOver({ status, remote, problem }: NodeView, wanted: Awaited, begun: number): boolean {
  if (status === "Failed" || remote) return true;
  // A node that was upgraded in vain runs on, with the reason.
  const isUpgrade = typeof wanted === "object" && "upgradeOf" in wanted;
  return isUpgrade && status !== "Busy" && Date.parse(problem?.since ?? "") >= begun;
}

function wordOf(wanted: Awaited): string {
  if (typeof wanted === "string") return wanted.toLowerCase();
  return "upgradeOf" in wanted ? "upgraded" : "running again";
}

/** A node as it is now; undefined when there is none. */
export async function findNode(daemon: DaemonClient, id: string, signal: AbortSignal): Promise<NodeView | undefined> {
  try {
    return nodeView(await daemon.call("GetNode", { node: id }, { signal }));
  } catch (error) {
    if (error instanceof Failure && error.kind === "node-not-found") return undefined;
    throw error;
  }
}
