import type { ProgramName } from "../failure/codes.ts";
import { failureExit } from "../failure/codes.ts";
import { Failure } from "../failure/failure.ts";
import { renderFailure } from "../failure/render.ts";
import { Output, type OutputStreams } from "../output/output.ts";
import { paintFor } from "../output/paint.ts";
import { suiteVersion } from "../version.ts";
import { parse } from "./parse.ts";
import type { Call, Verb } from "./verb.ts";

/**
 * Runs a program: parses the words, runs the verb, prints a failure and sets the exit code.
 * It never calls `process.exit` on the normal way, so everything that was printed arrives.
 */
export async function runProgram(root: Verb & { readonly name: ProgramName }, words: readonly string[]): Promise<void> {
  leaveQuietlyWhenNobodyReads();
  if (words[0] === "-V" || words[0] === "--version") {
    process.stdout.write(`${root.name} ${suiteVersion}\n`);
    return;
  }
  const interrupt = interruptSignal(root.name);
  try {
    process.exitCode = (await runVerb(root, words, interrupt.signal)) ?? process.exitCode;
  } finally {
    interrupt.release();
  }
}

/** Runs the verb that the words name, and prints a failure. The exit code of it; undefined: there was none. */
export async function runVerb(
  root: Verb & { readonly name: ProgramName },
  words: readonly string[],
  signal: AbortSignal,
  streams: OutputStreams = process,
): Promise<number | undefined> {
  const format = /--format[= ]json\b/.test(words.join(" ")) ? "json" : "text";
  let out = new Output({ program: root.name, format, verbosity: 0, command: "", streams });
  try {
    const parsed = parse(root, words, paintFor(process.stdout));
    if (!parsed?.verb.run) return undefined;
    out = new Output({ ...parsed, program: root.name, command: parsed.path.join("."), streams });
    // The verb's own types say what its options and arguments parse to; see `verb`.
    const call = { out, options: parsed.options, args: parsed.args, signal } as Call<never, never>;
    if (!parsed.verb.anywhere) root.beforeEach?.();
    await parsed.verb.run(call);
    return undefined;
  } catch (error) {
    const interrupted = signal.aborted && !(error instanceof Failure);
    return renderFailure(interrupted ? new Failure("interrupted", "interrupted") : error, out);
  }
}

/** The first signal asks the verb to clean up and end, the second ends it at once. */
function interruptSignal(program: ProgramName): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const interrupted = () => {
    if (controller.signal.aborted) process.exit(failureExit(program, "interrupted"));
    controller.abort();
  };
  process.on("SIGINT", interrupted).on("SIGTERM", interrupted);
  return {
    signal: controller.signal,
    release: () => process.off("SIGINT", interrupted).off("SIGTERM", interrupted),
  };
}

/** `nib … | head` closes our stdout early; that is no error of ours. */
function leaveQuietlyWhenNobodyReads(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}
