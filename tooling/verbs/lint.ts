import { run as command } from "../command.ts";

/** Everything that needs no process of ours: format and lint, types, import directions, dead code. */
export async function run(args: readonly string[] = []): Promise<void> {
  const fix = args.includes("--fix") ? ["--write"] : [];
  await command("biome", ["check", ...fix, "--error-on-warnings", "."]);
  await command("tsc", ["-p", "."]);
  await command("depcruise", ["--config", "tooling/import-directions.cjs", "packages", "tooling", "e2e", "bench"]);
  await command("knip", ["--config", "tooling/knip.json"]);
}
