import { run as command } from "../command.ts";
import { importFaults } from "../imports.ts";

/** Everything that needs no process of ours: format and lint, types, import directions and cycles, dead code. */
export async function run(args: readonly string[] = []): Promise<void> {
  const fix = args.includes("--fix") ? ["--write"] : [];
  await command("biome", ["check", ...fix, "--error-on-warnings", "."]);
  await command("tsc", ["-p", "."]);
  const faults = importFaults();
  if (faults.length > 0) throw new Error(`imports:\n  ${faults.join("\n  ")}`);
  await command("knip", ["--config", "tooling/knip.json"]);
}
