import { bytesText } from "../../../output/bytes.ts";
import type { Output } from "../../../output/output.ts";
import { printable } from "../../../output/table.ts";
import type { ToolEvent } from "./tool-event.ts";

export type UploadPlan = Extract<ToolEvent, { event: "plan" }>;

/** What `bv archive push --dry-run` tells: nothing was reserved, uploaded or written. */
export function showPlan(out: Output, storeKey: string, { event: _, ...plan }: UploadPlan): void {
  const { files, links, bytes, chunks, stored_chunks: stored, stored_bytes: storedBytes } = plan;
  const reuse = bytes === 0 ? 0 : storedBytes / bytes;
  out.line(`Files:     ${files}${links === 0 ? "" : ` and ${links} links`}, ${bytesText(bytes)}`);
  out.line(`Chunks:    ${chunks}`);
  out.line(`Reused:    ${stored} of ${chunks} chunks, ${(reuse * 100).toFixed(2)}% of the data`);
  out.line(`Upload:    about ${bytesText(plan.estimated_bytes)}`);
  listed(out, "Left out:  ", plan.excluded, plan.excluded_paths);
  listed(out, "Unusable:  ", plan.skipped, plan.skipped_lines);
  if (plan.idle_patterns.length > 0) out.line(`No match:  ${plan.idle_patterns.map(printable).join("  ")}`);
  out.document({ verb: "push", dry_run: true, store_key: storeKey, ...plan, reuse_ratio: reuse });
}

function listed(out: Output, title: string, count: number, first: readonly string[]): void {
  out.line(`${title}${count}`);
  for (const text of first) out.line(`  ${printable(text)}`);
  if (count > first.length) out.line(`  and ${count - first.length} more`);
}
