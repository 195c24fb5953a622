import { globSync } from "node:fs";
import { basename } from "node:path";
import { run as command, repository } from "../command.ts";
import { run as build } from "./build.ts";

export async function run(names: readonly string[]): Promise<void> {
  const files = globSync("bench/*.ts", { cwd: repository }).sort();
  const known = files.map((file) => basename(file, ".ts"));
  /** Of `archive`, also `archive-files`. */
  const isOf = (bench: string, name: string): boolean => bench === name || bench.startsWith(`${name}-`);
  const unknown = names.find((name) => !known.some((bench) => isOf(bench, name)));
  if (unknown) throw new Error(`there is no benchmark '${unknown}'; there are: ${known.join(", ")}`);
  await build();
  for (const file of files) {
    const bench = basename(file, ".ts");
    if (names.length === 0 || names.some((name) => isOf(bench, name))) await command(process.execPath, [file]);
  }
}
