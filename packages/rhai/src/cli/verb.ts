/** One word of the command line: `rhai WORD`. */
export interface Verb {
  readonly usage: string;
  /** One line for the overview. */
  readonly about: string;
  /** Options, one a line, as `--help` shows them. */
  readonly options: readonly (readonly [option: string, about: string])[];
  /** Does the work; the result is the exit code. */
  readonly run: (args: readonly string[]) => Promise<number>;
}
