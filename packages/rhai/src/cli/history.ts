import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

const MOST_LINES = 1000;

/** Where the history lies: `$RHAI_HISTORY`, or in the user's state folder. */
export function historyFile(environment: NodeJS.ProcessEnv): string {
  const state = environment["XDG_STATE_HOME"] ?? join(homedir(), ".local/state");
  return environment["RHAI_HISTORY"] ?? join(state, "rhai/history");
}

/** Lines of earlier conversations, newest first; none when there is no file. */
export function readHistory(file: string): string[] {
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .slice(-MOST_LINES)
      .reverse();
  } catch {
    return [];
  }
}

/** Keeps the lines (newest first) for the next conversation. What people type may be secret: only they may read it. */
export function writeHistory(file: string, lines: readonly string[]): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, `${lines.slice(0, MOST_LINES).toReversed().join("\n")}\n`, { mode: 0o600 });
  } catch {
    // A history that cannot be kept is no reason to fail.
  }
}
