const LEVELS = ["trace", "debug", "info", "warn", "error"] as const;
type Level = (typeof LEVELS)[number];

const isLevel = (word: string): word is Level => (LEVELS as readonly string[]).includes(word);

/**
 * How much is logged: `BV_LOG`, else `RUST_LOG`, of which `TARGET=LEVEL` counts where there is no level for all: the one that says most. Words that
 * are no level count for nothing; without any it is `info`. (spec babel-agent §1.1)
 */
export function logLevelOf(env: Readonly<Record<string, string | undefined>>): Level {
  for (const text of [env["BV_LOG"], env["RUST_LOG"]]) {
    const parts = (text ?? "")
      .toLowerCase()
      .split(",")
      .map((part) => part.trim());
    const general = parts.findLast(isLevel);
    if (general !== undefined) return general;
    const named = parts.map((part) => part.slice(part.indexOf("=") + 1).trim());
    const most = LEVELS.find((level) => named.includes(level));
    if (most !== undefined) return most;
  }
  return "info";
}
