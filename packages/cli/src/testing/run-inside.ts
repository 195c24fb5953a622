import { Writable } from "node:stream";
import { runVerb } from "../command/program.ts";
import { nib } from "../nib/program.ts";
import type { CliResult } from "./cli-process.ts";

interface InsideOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Fires = Ctrl-C. */
  readonly signal?: AbortSignal;
  /** Hears what goes to stdout. */
  readonly onText?: (text: string) => void;
}

let busy = false;

/**
 * `nib` without a process of its own, which would take longer to start than most commands take: the same words, texts and exit code. One
 * at a time, as the directory, the environment and the exit code are those of the test's process meanwhile.
 */
export async function nibInside(words: readonly string[], options: InsideOptions): Promise<CliResult> {
  if (busy) throw new Error("a command runs already: nibInside runs one at a time");
  busy = true;
  const { signal = new AbortController().signal, onText } = options;
  const [stdout, stderr] = [new Collected(onText), new Collected()];
  const before = { cwd: process.cwd(), env: process.env };
  process.chdir(options.cwd);
  process.env = { ...before.env, ...options.env, NO_COLOR: "1" };
  try {
    const failed = await runVerb(nib, words, signal, { stdout, stderr });
    return { status: failed ?? Number(process.exitCode ?? 0), stdout: stdout.text, stderr: stderr.text };
  } finally {
    busy = false;
    process.exitCode = undefined;
    process.env = before.env;
    process.chdir(before.cwd);
  }
}

class Collected extends Writable {
  text = "";
  readonly #onText: ((text: string) => void) | undefined;

  constructor(onText?: (text: string) => void) {
    super({ decodeStrings: false });
    this.#onText = onText;
  }

  override _write(chunk: Uint8Array | string, _encoding: BufferEncoding, done: () => void): void {
    const text = chunk.toString();
    this.text += text;
    this.#onText?.(text);
    done();
  }
}
