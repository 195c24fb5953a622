import type { Output } from "../output/output.ts";

/** Where completions of a value come from. */
export type Completion = "file" | "directory" | "node" | "job" | "variant" | "none";

export interface VerbArgument {
  /** Shown in help: `<name>` when required, `[name]` when not; `...` behind it takes all that is left. */
  readonly usage: string;
  readonly summary: string;
  readonly choices?: readonly string[];
  readonly completes?: Completion;
}

export interface VerbOption {
  /** Commander's notation: `-u, --path <file>`. */
  readonly flags: string;
  readonly summary: string;
  readonly initial?: string | number | boolean;
  readonly choices?: readonly string[];
  /** May be given several times; the value is then an array. */
  readonly repeats?: true;
  readonly parse?: (text: string) => unknown;
  readonly hidden?: true;
  readonly completes?: Completion;
}

/** What a verb is called with. */
export interface Call<Options, Arguments extends readonly unknown[]> {
  readonly out: Output;
  readonly options: Options;
  readonly args: Arguments;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
}

/**
 * A verb of a command line, or a group of verbs. Help, parsing and completions all come from this one description,
 * so it has to be cheap to load: `run` imports what does the work.
 */
export interface Verb {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** More help: paragraphs below the summary. */
  readonly details?: string;
  /** Command lines that show how it is used, each with what it does. */
  readonly examples?: readonly (readonly [command: string, effect: string])[];
  readonly hidden?: true;
  readonly arguments?: readonly VerbArgument[];
  readonly options?: readonly VerbOption[];
  readonly verbs?: readonly Verb[];
  /** Rewrites the words behind this verb's name before they are parsed. */
  readonly rewrite?: (words: readonly string[], verb: Verb) => readonly string[];
  /** Of a program: what has to hold before a verb runs that is not for `anywhere`. */
  readonly beforeEach?: () => void;
  /** Runs without what the program needs otherwise. */
  readonly anywhere?: true;
  readonly run?: (call: Call<never, never>) => Promise<void>;
}

/**
 * Gives a verb its typed `run`. `Options` are what the option descriptions parse to, `Arguments` what the arguments
 * parse to: an absent optional one is undefined, a variadic one is an array.
 */
export function verb<Options, Arguments extends readonly unknown[] = []>(
  description: Omit<Verb, "run"> & { readonly run: (call: Call<Options, Arguments>) => Promise<void> },
): Verb {
  return description;
}

/** The names under which a verb answers. */
export function namesOf(verb: Verb): readonly string[] {
  return [verb.name, ...(verb.aliases ?? [])];
}
