import { existsSync } from "node:fs";
import { join } from "node:path";
import { run as command, repository } from "../command.ts";

export async function run([name = "rhai", ...args]: readonly string[]): Promise<void> {
  const entry = `packages/${name}/src/fuzz/main.ts`;
  if (!existsSync(join(repository, entry))) throw new Error(`there is no fuzzer for '${name}'; there is one for rhai`);
  await command(process.execPath, [entry, ...args]);
}
