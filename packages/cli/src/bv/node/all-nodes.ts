import type { DaemonClient } from "../../daemon/client.ts";
import { Failure } from "../../failure/failure.ts";
import type { Output } from "../../output/output.ts";
import { confirm } from "../../output/question.ts";
import { localNodes } from "./several-nodes.ts";

interface AllNodesOptions {
  readonly all?: true;
  readonly yes?: true;
}

/**
 * The nodes that `start` and `stop` act on. No names means all nodes of this machine; on a terminal that is asked first,
 * scripts get it with a warning (DB-2.4).
 */
export async function namedOrAllNodes(
  daemon: DaemonClient,
  out: Output,
  verb: string,
  names: readonly string[],
  options: AllNodesOptions,
): Promise<readonly string[]> {
  if (names.length > 0) {
    if (options.all) throw new Failure("usage", "give either names or --all");
    return names;
  }
  const nodes = await localNodes(daemon);
  if (!options.all && !options.yes && nodes.length > 0) {
    if (process.stdin.isTTY && process.stdout.isTTY) {
      const meant = await confirm(`Are you sure you want to ${verb} all ${nodes.length} nodes?`);
      if (!meant) return [];
    } else {
      out.warn({ code: "BV001", message: `'bv node ${verb}' without names means all nodes; say --all to keep it so` });
    }
  }
  return nodes.map(({ id }) => id);
}
