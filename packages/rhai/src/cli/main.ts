import { RhaiError } from "../errors/rhai-error.ts";
import { write, writeError } from "./output.ts";
import { CommandError, UsageError } from "./usage-error.ts";
import type { Verb } from "./verb.ts";
import { version } from "./version.ts";

/** Loaded when they are called: each verb starts as fast as it can. */
const VERBS: Readonly<Record<string, () => Promise<Verb>>> = {
  run: async () => (await import("./verbs/run.ts")).run,
  check: async () => (await import("./verbs/check.ts")).check,
  fmt: async () => (await import("./verbs/fmt.ts")).fmt,
  ast: async () => (await import("./verbs/ast.ts")).ast,
  repl: async () => (await import("./verbs/repl.ts")).repl,
  eval: async () => (await import("./verbs/eval.ts")).evaluate,
};

/** Exit codes: 0 done, 1 the script failed or something was found, 2 the command line is wrong. */
async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === "help" || name === "--help" || name === "-h")
    return overview(name === undefined ? 2 : 0);
  if (name === "--version" || name === "-V") {
    await write(`rhai ${version}\n`);
    return 0;
  }
  const load = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
  if (load === undefined) {
    writeError(`rhai: there is no '${name}'; 'rhai help' lists what there is`);
    return 2;
  }
  const verb = await load();
  if (args.includes("--help") || args.includes("-h")) return help(verb);
  try {
    return await verb.run(args);
  } catch (error) {
    return failure(error, verb);
  }
}

function failure(error: unknown, verb: Verb): number {
  if (error instanceof UsageError) {
    writeError(`rhai: ${error.message}\nUsage: ${verb.usage}`);
    return 2;
  }
  if (error instanceof CommandError) {
    writeError(`error[${error.code}]: ${error.message}${error.help === null ? "" : `\nhelp: ${error.help}`}`);
    return 1;
  }
  if (error instanceof RhaiError) writeError(`error[${error.kind}]: ${error.message}`);
  else
    writeError(
      `error[internal]: ${error instanceof Error ? error.message : String(error)}\nhelp: this is a mistake of the command, not of your script; please report it`,
    );
  return 1;
}

async function overview(code: number): Promise<number> {
  const verbs = await Promise.all(Object.values(VERBS).map((load) => load()));
  const width = 6;
  const lines = verbs.map(({ usage, about }) => `  ${usage.split(" ")[1]!.padEnd(width)}  ${about}`);
  await write(
    `Usage: rhai VERB …\n\n${lines.join("\n")}\n\n'rhai VERB --help' says more; 'rhai --version' gives the version.\n`,
  );
  return code;
}

async function help({ usage, about, options }: Verb): Promise<number> {
  const width = Math.max(...options.map(([option]) => option.length));
  const lines = options.map(([option, text]) => `  ${option.padEnd(width)}  ${text}`);
  await write(`Usage: ${usage}\n\n${about}\n\n${lines.join("\n")}\n`);
  return 0;
}

// A reader that goes away (`rhai … | head`) ends the command quietly.
process.stdout.on("error", () => process.exit(1));
process.exitCode = await main(process.argv.slice(2));
