import { randomBytes } from "node:crypto";
import { z } from "zod";
import { readVersioned, writeForThisBoot } from "../durable/index.ts";

const schema = z.object({
  /** Opens babel.sock and engine.sock; made anew at each start of the container. */
  secret: z.string().min(16),
  /** The babel process on the host; null before its first start. */
  process: z.object({ pid: z.number().int(), startTicks: z.number(), bootId: z.string() }).nullable(),
  /** Version of the bundle babel was started from. */
  version: z.string(),
});

/** `<node>/agent.json`, 0600: what a later daemon needs to talk to the babel that this one started. */
export type AgentRecord = z.infer<typeof schema>;

export function newAgentRecord(version: string): AgentRecord {
  return { secret: randomBytes(24).toString("base64url"), process: null, version };
}

export async function readAgentRecord(path: string): Promise<AgentRecord | undefined> {
  // It is about processes of this boot: one that a power loss has torn is about none.
  return readVersioned(path, { version: 1, schema }).catch(() => undefined);
}

export async function writeAgentRecord(path: string, record: AgentRecord): Promise<void> {
  await writeForThisBoot(path, JSON.stringify({ schema_version: 1, ...record }));
}
