import { readScript } from "./files.ts";
import { CommandError } from "./usage-error.ts";

export interface HostNames {
  readonly functions: Readonly<Record<string, readonly number[]>>;
  readonly globals: readonly string[];
}

/**
 * What a host adds to the language, for `rhai check --functions FILE`: JSON
 * `{ "functions": { "run_sh": [1, 2], "node_env": [0] }, "globals": ["VERSION"] }`, where the numbers are those of
 * the arguments a function takes (a method counts its receiver).
 */
export function readHostNames(file: string): HostNames {
  const bad = (what: string): CommandError =>
    new CommandError(
      "bad-functions",
      `${file}: ${what}`,
      'write { "functions": { "NAME": [NUMBER OF ARGUMENTS, …] }, "globals": ["NAME", …] }',
    );
  let json: unknown;
  try {
    json = JSON.parse(readScript(file));
  } catch (error) {
    if (error instanceof SyntaxError) throw bad(`not JSON: ${error.message}`);
    throw error;
  }
  if (!isRecord(json)) throw bad("an object is expected");
  const { functions = {}, globals = [], ...others } = json;
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) throw bad(`'${unknown}' is not known here`);
  if (!isRecord(functions)) throw bad("'functions' has to be an object");
  const known: Record<string, readonly number[]> = {};
  for (const [name, arities] of Object.entries(functions)) {
    if (!isListOf(arities, (arity) => Number.isSafeInteger(arity)))
      throw bad(`'functions.${name}' has to be a list of whole numbers`);
    known[name] = arities as readonly number[];
  }
  if (!isListOf(globals, (name) => typeof name === "string")) throw bad("'globals' has to be a list of names");
  return { functions: known, globals: globals as readonly string[] };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isListOf(value: unknown, test: (item: unknown) => boolean): value is readonly unknown[] {
  return Array.isArray(value) && value.every(test);
}
