import type { ToolOptions, ToolResult } from "../container/run-tool.ts";

const timeoutMs = 5_000;

/** Programs that can run containers. */
const programs = ["apptainer", "crun", "runc"] as const;

export interface Runtime {
  readonly program: string;
  /** As it tells it itself, `1.3.4`. */
  readonly version: string;
}

/** Runs a program. */
export type ToolRun = (tool: string, args: readonly string[], options: ToolOptions) => Promise<ToolResult>;

/** Those that are on this machine (host-daemon DB-10.7). */
export async function runtimes(run: ToolRun): Promise<readonly Runtime[]> {
  const found = await Promise.all(
    programs.map(async (program) => {
      const said = await run(program, ["--version"], { timeoutMs }).catch(() => undefined);
      return said === undefined ? [] : [{ program, version: versionIn(said.stdout) }];
    }),
  );
  return found.flat();
}

function versionIn(text: string): string {
  return /\d+\.\d+[\w.+~-]*/.exec(text)?.[0] ?? "unknown";
}
