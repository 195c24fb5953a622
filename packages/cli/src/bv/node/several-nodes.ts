import type { DaemonClient } from "../../daemon/client.ts";
import { type NodeView, nodeView } from "../../daemon/node-view.ts";
import type { OperationEnd } from "../../daemon/operation.ts";
import { failureCode, failureExit } from "../../failure/codes.ts";
import { Failure } from "../../failure/failure.ts";
import type { Output } from "../../output/output.ts";
import { plainId } from "./which-node.ts";

/** All nodes of this machine, by name. */
export async function localNodes(daemon: DaemonClient): Promise<readonly NodeView[]> {
  const { nodes = [] } = await daemon.call("ListNodes", { local: true });
  return nodes.map((node) => nodeView(node)).sort((a, b) => a.name.localeCompare(b.name));
}

interface NodeOutcome {
  readonly id: string;
  readonly name: string;
  readonly ok: boolean;
  readonly requested?: boolean;
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string | undefined };
}

/**
 * Does the same to several nodes, one after the other. One that fails does not stop the others (DB-2.10): all failures are
 * told, and the last word is how many there were.
 */
export async function forEachNode(
  out: Output,
  nodes: readonly string[],
  act: (node: string) => Promise<OperationEnd>,
  told: (end: OperationEnd) => string,
): Promise<void> {
  const outcomes: NodeOutcome[] = [];
  const failures: Failure[] = [];
  for (const node of new Set(nodes.map(plainId))) {
    try {
      const end = await act(node);
      out.line(told(end));
      outcomes.push(
        end.kind === "done"
          ? { id: end.node.id, name: end.node.name, ok: true }
          : { id: end.nodeId, name: node, ok: true, requested: true },
      );
    } catch (error) {
      if (!(error instanceof Failure) || error.kind === "daemon-unreachable" || nodes.length === 1) throw error;
      failures.push(error);
      const { message, details } = error;
      const code = failureCode(out.program, error.kind);
      outcomes.push({ id: "", name: node, ok: false, error: { code, message, hint: details.hint } });
      if (out.format === "text") out.complain(`${node}: ${message} (${code})`);
    }
  }
  out.document({ nodes: outcomes });
  const [first] = failures;
  if (!first) return;
  if (out.format === "json") {
    process.exitCode = failureExit(out.program, first.kind);
    return;
  }
  throw new Failure(first.kind, `${failures.length} of ${nodes.length} nodes failed`, { hint: first.details.hint });
}
