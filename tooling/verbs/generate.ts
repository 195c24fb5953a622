import { run as command } from "../command.ts";

/** Everything that is generated and committed: wire code from the contracts, the references of Rhai and of plugins from their sources. */
export async function run(): Promise<void> {
  await command("packages/wire/generate.sh", []);
  await command(process.execPath, ["packages/rhai/src/reference/main.ts"]);
  await command(process.execPath, ["packages/plugin/src/reference/main.ts"]);
}
