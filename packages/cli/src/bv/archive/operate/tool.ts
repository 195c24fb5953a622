import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { z } from "zod";
import { archiveToolCommand } from "../../../place/agent.ts";

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
    event: z.literal("result"),
    kind: z.enum(["complete", "damaged", "absent", "failed"]),
    data_version: z.number().optional(),
    total_size: z.number().optional(),
    repaired: z.number().optional(),
    bytes_transferred: z.number().optional(),
    message: z.string().optional(),
  }),
]);

export type ToolEvent = z.infer<typeof toolEvent>;

/** Lines of the tool's complaints that are kept for a failure it does not explain itself. */
const keptLines = 20;

export interface ToolEnd {
  readonly status: number | null;
  readonly stderr: string;
}

/** Runs the agent's archive tool to its end. On `signal` it is asked to stop, and leaves what can be gone on with. */
export async function runTool(
  args: readonly string[],
  secret: string,
  heard: (event: ToolEvent) => void,
  signal: AbortSignal,
): Promise<ToolEnd> {
  const [program, ...words] = archiveToolCommand(process.env);
  const child = spawn(program, [...words, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, BABEL_CA_FILE: process.env["NODE_EXTRA_CA_CERTS"], BABEL_ENGINE_SECRET: secret },
  });
  const stop = (): void => void child.kill("SIGTERM");
  signal.addEventListener("abort", stop, { once: true });
  const complaints: string[] = [];
  const errors = createInterface({ input: child.stderr }).on("line", (line) => {
    complaints.push(line);
    if (complaints.length > keptLines) complaints.shift();
  });
  const ended = once(child, "close") as Promise<[number | null]>;
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const event = parseEvent(line);
      if (event) heard(event);
    }
    const [status] = await ended;
    return { status, stderr: complaints.join("\n") };
  } finally {
    errors.close();
    signal.removeEventListener("abort", stop);
  }
}

function parseEvent(line: string): ToolEvent | undefined {
  try {
    return toolEvent.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
