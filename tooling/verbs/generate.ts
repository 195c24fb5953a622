import { run as command } from "../command.ts";

export async function run(): Promise<void> {
  await command("packages/wire/generate.sh", []);
}
