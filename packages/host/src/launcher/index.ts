import { runTool, type ToolOptions, type ToolResult } from "@blockvisor/image/container";
import { createLauncher } from "./launcher.ts";

/** Of the whole process, like what it stands in for. */
const launcher = createLauncher();

export const prepareLauncher = launcher.prepare;

/** As `runTool`, for tools that somebody waits for: without the time that this process needs to start one. */
export function launchTool(tool: string, args: readonly string[], options: ToolOptions = {}): Promise<ToolResult> {
  return runTool(tool, args, options, launcher.start);
}
