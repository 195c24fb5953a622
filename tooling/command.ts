import { spawn, spawnSync } from "node:child_process";
import { delimiter, dirname, join } from "node:path";

/** The root of the repository. */
export const repository = join(import.meta.dirname, "..");

/** The pinned Node that runs this process also runs everything that is started from here, npm's own scripts included. */
export const environment: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: [
    join(repository, "bin"),
    dirname(process.execPath),
    join(repository, "node_modules/.bin"),
    process.env["PATH"],
  ].join(delimiter),
};

/** Runs a command with the terminal's own streams; throws when it fails. */
export async function run(
  command: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv } = {},
) {
  const child = spawn(command, args, { cwd: repository, stdio: "inherit", env: { ...environment, ...options.env } });
  const status = await new Promise<number | string>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? signal ?? "unknown"));
  });
  if (status !== 0) throw new Error(`'${[command, ...args].join(" ").slice(0, 200)}' ended with ${status}`);
}

/** What a command printed, or undefined when it is missing or failed. */
export function output(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = environment,
): string | undefined {
  const result = spawnSync(command, args, { cwd: repository, encoding: "utf8", env, timeout: 20_000 });
  return result.status === 0 ? `${result.stdout}${result.stderr}`.trim() : undefined;
}
