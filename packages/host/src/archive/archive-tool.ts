import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { HostError } from "../errors/host-error.ts";

/** The last complaints that are kept for a failure which the tool does not explain itself, and how long each may be. */
const kept = { lines: 20, characters: 1000 } as const;
/** One that was asked to end and does not is ended; what it has done so far is in its journal either way. */
const patienceMs = 30_000;
/** A damaged chunk of very many files may have a longer line; nobody reads that. */
const longestLine = 8_000_000;

export interface ArchiveToolEnd {
  /** `null`: a signal ended it. */
  readonly status: number | null;
  readonly stderr: string;
}

export interface ArchiveTool {
  readonly pid: number;
  /** What it says, a JSON object each. It waits for a reader that is slow. */
  readonly lines: AsyncIterable<string>;
  /** When the process has ended and everything was read, or nobody wants to read it any more. */
  readonly ended: Promise<ArchiveToolEnd>;
}

/**
 * Starts the agent's archive tool (packages/babel/src/archive/README.md), which ends when `signal` says so, or when this process does: its
 * input is ours. Error `failed` if it cannot be started.
 */
export async function startArchiveTool(
  [program = "", ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<ArchiveTool> {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env, cwd: "/" });
  const closed = once(child, "close") as Promise<[number | null]>;
  await once(child, "spawn").catch((error: Error) => {
    closed.catch(() => {});
    throw new HostError("failed", `the agent's archive tool cannot be started: ${error.message}`, {
      hint: "build the agent with `./dev setup`, or point BV_AGENT_DIR at a directory with agent.json",
    });
  });
  // It may have ended before it was told something.
  child.stdin.on("error", () => {});
  const complaints: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    complaints.push(line.slice(0, kept.characters));
    if (complaints.length > kept.lines) complaints.shift();
  });
  const said = createInterface({ input: child.stdout });
  // At once: lines that come before anybody listens are gone.
  const lines = said[Symbol.asyncIterator]();
  let killing: NodeJS.Timeout | undefined;
  const stop = (): void => {
    child.kill("SIGTERM");
    killing = setTimeout(() => child.kill("SIGKILL"), patienceMs);
    // Nobody listens any more, and it must not wait for that.
    said.close();
    child.stdout.resume();
  };
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  const ended = closed.then(([status]) => {
    clearTimeout(killing);
    signal.removeEventListener("abort", stop);
    return { status, stderr: complaints.join("\n") };
  });
  return { pid: child.pid ?? 0, lines: shortOnes(lines), ended };
}

async function* shortOnes(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) if (line.length <= longestLine) yield line;
}
