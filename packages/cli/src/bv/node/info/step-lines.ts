import type { NodeView } from "../../../daemon/node-view.ts";

/** What a node's default init, or upload, is doing while it has not ended; where that failed, which step is tried again. */
export function stepLines({
  steps,
  initialized,
}: Pick<NodeView, "steps" | "initialized">): readonly [string, string][] {
  if (steps === null) return [];
  const { done, total, next } = steps;
  const far = `${done} of ${total} steps done${next === "" ? "" : `, next: ${next}`}`;
  return [[initialized ? "Upload" : "Init", far]];
}
