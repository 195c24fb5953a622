import { Failure } from "../failure/failure.ts";
import type { Output } from "../output/output.ts";
import type { DaemonClient } from "./client.ts";
import { type NodeView, nodeView } from "./node-view.ts";
import type { StreamMethods } from "./service.ts";

type OperationMethod = {
  [M in keyof StreamMethods]: StreamMethods[M][1] extends { operationId?: string } ? M : never;
}[keyof StreamMethods];

/** How an operation ended: done, or handed to the control plane whose command will do it. */
export type OperationEnd =
  | { readonly kind: "done"; readonly node: NodeView }
  | { readonly kind: "requested"; readonly nodeId: string; readonly message: string };

interface FollowOptions {
  readonly title: string;
  readonly signal?: AbortSignal | undefined;
  /** Seconds to wait for the end (DB-2.9); undefined: as long as it takes. */
  readonly timeout?: number | undefined;
  /** Told of each new step. */
  readonly onStep?: (title: string) => void;
  /** Told as soon as the node is known, long before the end. */
  readonly onNode?: (id: string) => void;
}

/** Runs an operation on a node and shows its steps until it ends. Error `node-busy`: not in time; the daemon goes on with it. */
export async function followOperation<M extends OperationMethod>(
  daemon: DaemonClient,
  out: Output,
  method: M,
  request: StreamMethods[M][0],
  options: FollowOptions,
): Promise<OperationEnd> {
  const progress = out.progress(options.title);
  const limit = options.timeout === undefined ? undefined : AbortSignal.timeout(options.timeout * 1000);
  const signals = [options.signal, limit].filter((signal) => signal !== undefined);
  let known = false;
  let last = "";
  try {
    for await (const event of daemon.stream(method, request, { signal: AbortSignal.any(signals) })) {
      if (event.nodeId && !known) {
        known = true;
        options.onNode?.(event.nodeId);
      }
      if (event.step && !event.step.finished) {
        const title = event.step.title || event.step.step || "";
        last = title;
        progress.update(title);
        options.onStep?.(title);
        out.note(1, `  ${title}`);
      }
      if (event.progress) {
        const percent = event.progress.percent === undefined ? "" : ` ${Number(event.progress.percent).toFixed(0)}%`;
        last = `${event.progress.message ?? event.progress.step ?? ""}${percent}`;
        progress.update(last);
        if (event.progress.step === "wait") out.note(1, `  ${last}`);
      }
      if (event.done) {
        progress.done();
        return { kind: "done", node: nodeView(event.done) };
      }
      if (event.requested) {
        progress.done();
        return { kind: "requested", nodeId: event.nodeId ?? "", message: event.requested.message ?? "" };
      }
    }
    throw new Failure("daemon-unreachable", "blockvisord ended the operation without saying how", {
      hint: "look at the node with `bv node info`",
    });
  } catch (error) {
    progress.failed();
    if (limit?.aborted && !options.signal?.aborted) throw late(options, last);
    throw error;
  }
}

function late({ title, timeout }: FollowOptions, last: string): Failure {
  return new Failure("node-busy", `${title}: not done after ${timeout} s${last && ` (${last})`}`, {
    hint: "it goes on in the daemon: `bv node info` shows the node; --timeout waits longer",
  });
}
