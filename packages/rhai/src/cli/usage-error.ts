/** The command was called in a way it does not understand: exit code 2 and the usage of the verb. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Something outside the script is wrong: a file that cannot be read, a bad list of functions. Exit code 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly code: string;
  readonly help: string | null;
  constructor(code: string, message: string, help: string | null = null) {
    super(message);
    this.code = code;
    this.help = help;
  }
}
