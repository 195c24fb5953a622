import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PluginError } from "../plugin-error.ts";

/** How a worker process is started. */
export interface WorkerCommand {
  readonly argv: readonly [string, ...string[]];
  /** All of its environment; default: none. */
  readonly env?: Readonly<Record<string, string>>;
  /** User and group it runs as; default: those of its parent. */
  readonly id?: number;
}

/**
 * Limits for what the script's own limits do not see. Sizes in MiB, of the stack in KiB: less than the 8 MiB that a process has
 * everywhere. A snapshot runs only with the options that it was made with.
 */
export const WORKER_OPTIONS = ["--max-old-space-size=256", "--max-semi-space-size=8", "--stack-size=7000"];

/** A worker that was built: a folder with all it needs to run, wherever that is. */
export interface BuiltWorker {
  readonly directory: string;
  /** `{dir}` stands for where the worker sees its folder. */
  readonly command: readonly [string, ...string[]];
}

/** The current build below `home` (see bundle/build-worker.ts); undefined: there is none. */
export function findBuiltWorker(home: string): BuiltWorker | undefined {
  let text: string;
  try {
    text = readFileSync(join(home, "worker.json"), "utf8");
  } catch {
    return undefined;
  }
  const { version, command } = JSON.parse(text) as {
    readonly version: string;
    readonly command: [string, ...string[]];
  };
  return { directory: join(home, version), command };
}

/** As `place` is the folder's path for the worker. */
export function commandIn({ command: [program, ...args] }: BuiltWorker, place: string): WorkerCommand["argv"] {
  const placed = (word: string): string => word.replaceAll("{dir}", place);
  return [placed(program), ...args.map(placed)];
}

/** From source the entry beside this file; from dist/bundles the build in dist/plugin-worker. Error `PLUGIN_CRASH` where that is missing. */
export function workerCommand(self: string): WorkerCommand {
  if (self.endsWith(".ts")) {
    const cache = process.env["NODE_COMPILE_CACHE"];
    return {
      argv: [process.execPath, ...WORKER_OPTIONS, fileURLToPath(new URL("./plugin-worker.ts", self))],
      ...(cache === undefined ? {} : { env: { NODE_COMPILE_CACHE: cache } }),
    };
  }
  const home = fileURLToPath(new URL("../plugin-worker", self));
  const built = findBuiltWorker(home);
  if (built) return { argv: commandIn(built, built.directory) };
  throw new PluginError("PLUGIN_CRASH", `there is no plugin worker in ${home}; build it with \`./dev setup\``);
}
