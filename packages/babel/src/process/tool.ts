import { spawn } from "node:child_process";

/** Runs one of the agent's own tools to its end; output bounded to the first 64 KiB. */
export async function runTool(
  argv: readonly [string, ...string[]],
): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const child = spawn(argv[0], argv.slice(1), { stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    if (stderr.length < 65_536) stderr += chunk.toString("utf8");
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stderr }));
  });
}
