import { globSync } from "node:fs";
import { basename } from "node:path";
import { run as command, repository } from "../command.ts";
import { run as build } from "./build.ts";

export async function run(names: readonly string[]): Promise<void> {
  const files = globSync("bench/*.ts", { cwd: repository }).sort();
  const known = files.map((file) => basename(file, ".ts"));
  const unknown = names.find((name) => !known.includes(name));
  if (unknown) throw new Error(`there is no benchmark '${unknown}'; there are: ${known.join(", ")}`);
  await build();
  for (const file of files) {
    if (names.length === 0 || names.includes(basename(file, ".ts"))) await command(process.execPath, [file]);
  }
}
