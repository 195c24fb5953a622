import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { archiveToolCommand } from "../../../place/agent.ts";
import { parseToolEvent, type ToolEvent } from "./tool-event.ts";

/** Lines of the tool's complaints that are kept for a failure it does not explain itself. */
const keptLines = 20;

export interface ToolEnd {
  readonly status: number | null;
  readonly stderr: string;
}

/** Runs the agent's archive tool to its end. On `signal` it is asked to stop, as it does when we are killed (its input is ours), and leaves what can be gone on with. */
export async function runTool(
  args: readonly string[],
  secret: string,
  heard: (event: ToolEvent) => void,
  signal: AbortSignal,
): Promise<ToolEnd> {
  const [program, ...words] = archiveToolCommand(process.env);
  const child = spawn(program, [...words, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, BABEL_CA_FILE: process.env["NODE_EXTRA_CA_CERTS"], BABEL_ENGINE_SECRET: secret },
  });
  // It may have ended before it was told something.
  child.stdin.on("error", () => undefined);
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
      const event = parseToolEvent(line);
      if (event) heard(event);
    }
    const [status] = await ended;
    return { status, stderr: complaints.join("\n") };
  } finally {
    errors.close();
    signal.removeEventListener("abort", stop);
  }
}
