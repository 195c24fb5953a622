import { z } from "zod";

/** Lines of the agent's archive tool (packages/babel/src/archive/README.md). A tool of another version may say more than we know. */
const toolEvent = z.discriminatedUnion("event", [
  z.object({
    event: z.literal("progress"),
    total: z.number().optional(),
    current: z.number(),
    message: z.string(),
    bytes_total: z.number().optional(),
    bytes_done: z.number().optional(),
    bytes_per_sec: z.number().optional(),
    eta_secs: z.number().optional(),
  }),
  z.object({ event: z.literal("log"), line: z.string() }),
  z.object({ event: z.literal("damage"), chunk: z.number(), files: z.array(z.string()), reason: z.string() }),
  z.object({
    event: z.literal("plan"),
    files: z.number(),
    links: z.number(),
    bytes: z.number(),
    chunks: z.number(),
    stored_chunks: z.number(),
    stored_bytes: z.number(),
    estimated_bytes: z.number(),
    excluded: z.number(),
    excluded_paths: z.array(z.string()),
    skipped: z.number(),
    skipped_lines: z.array(z.string()),
    idle_patterns: z.array(z.string()),
  }),
  z.object({
    event: z.literal("result"),
    kind: z.enum(["complete", "planned", "damaged", "absent", "failed"]),
    data_version: z.number().optional(),
    total_size: z.number().optional(),
    repaired: z.number().optional(),
    bytes_transferred: z.number().optional(),
    message: z.string().optional(),
  }),
]);

export type ToolEvent = z.infer<typeof toolEvent>;

export function parseToolEvent(line: string): ToolEvent | undefined {
  try {
    return toolEvent.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
