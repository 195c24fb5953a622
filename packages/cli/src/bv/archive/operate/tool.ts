import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { z } from "zod";
import { archiveToolCommand } from "../../../place/agent.ts";

/** What the tool is told on stdin, once. (packages/babel/src/archive/README.md) */
export interface ToolRequest {
  readonly verb: string;
  readonly engine_socket: string;
  readonly secret: string;
  readonly store_key: string;
  readonly data_version?: number;
  /** Absolute. */
  readonly folder: string;
  readonly state_folder: string;
  readonly max_connections?: number;
  readonly max_bytes_per_second?: number;
  readonly exclude?: readonly string[];
  readonly compression?: { readonly ZSTD: number } | null;
  readonly layout?: "parts" | "cas";
}

const message = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("progress"),
    total: z.number().optional(),
    current: z.number(),
    message: z.string(),
    bytes_total: z.number().optional(),
    bytes_done: z.number().optional(),
    bytes_per_sec: z.number().optional(),
    eta_secs: z.number().optional(),
  }),
  z.object({ kind: z.literal("log"), line: z.string() }),
  z.object({ kind: z.literal("damaged"), chunk: z.number(), files: z.array(z.string()), reason: z.string() }),
  z.object({
    kind: z.literal("done"),
    data_version: z.number(),
    total_size: z.number(),
    chunks: z.number(),
    damaged: z.number().optional(),
    repaired: z.number().optional(),
    bytes_transferred: z.number().optional(),
  }),
  z.object({ kind: z.literal("failed"), code: z.string(), message: z.string(), hint: z.string().optional() }),
]);

export type ToolMessage = z.infer<typeof message>;

/** Lines of the tool's complaints that are kept for a failure it does not explain itself. */
const keptLines = 20;

export interface ToolEnd {
  readonly status: number | null;
  readonly stderr: string;
}

/** Runs the agent's archive tool to its end. On `signal` it is asked to stop, and leaves what can be gone on with. */
export async function runTool(
  request: ToolRequest,
  heard: (message: ToolMessage) => void,
  signal: AbortSignal,
): Promise<ToolEnd> {
  const [program, ...args] = archiveToolCommand(process.env);
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  const stop = (): void => void child.kill("SIGTERM");
  signal.addEventListener("abort", stop, { once: true });
  // Ctrl-C reaches the whole process group of a terminal; the tool has stopped then.
  child.stdin.on("error", () => {});
  child.stdin.end(JSON.stringify(request));
  const complaints: string[] = [];
  const errors = createInterface({ input: child.stderr }).on("line", (line) => {
    complaints.push(line);
    if (complaints.length > keptLines) complaints.shift();
  });
  const ended = once(child, "close") as Promise<[number | null]>;
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const parsed = parseMessage(line);
      if (parsed) heard(parsed);
    }
    const [status] = await ended;
    return { status, stderr: complaints.join("\n") };
  } finally {
    errors.close();
    signal.removeEventListener("abort", stop);
  }
}

/** A tool of another version may say more than we know. */
function parseMessage(line: string): ToolMessage | undefined {
  try {
    return message.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
