import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { reason } from "../../failure/failure.ts";
import { runTool } from "../../process/run-tool.ts";

const trialMs = 20_000;

/** Whether a program is on the PATH. */
export function isInstalled(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export type Trial =
  | { readonly worked: true; readonly said: string }
  | { readonly worked: false; readonly reason: string };

/** Runs a program for no more than some seconds; its last words are the reason when it fails. */
export async function attempt(program: string, args: readonly string[], signal: AbortSignal): Promise<Trial> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(trialMs)]);
  try {
    const { status, stdout, tail } = await runTool(program, args, { missing: "", signal: limit });
    if (status === 0) return { worked: true, said: stdout };
    return { worked: false, reason: tail.split("\n").at(-1) || `it ended with status ${status}` };
  } catch (failure) {
    signal.throwIfAborted();
    return { worked: false, reason: limit.aborted ? `it did not end within ${trialMs / 1000} s` : reason(failure) };
  }
}
