import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { type Place, thisMachine } from "../test-host.ts";
import { type Command, type Guide, missingLine } from "./guide.ts";

export interface WalkOptions {
  /** Where the walk begins: an empty folder. */
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  /** Where it is walked; default: on this machine. */
  readonly place?: Place;
  readonly onStep?: (title: string, number: number) => void;
  readonly onCommand?: (command: Command) => void;
  readonly onOutput?: (text: string) => void;
  /** Milliseconds that one block may take. */
  readonly timeout: number;
  /** Leave out the last step, and leave running what the others started. */
  readonly keep?: boolean;
}

/** Runs every command of the guide in one shell, as somebody who types it; throws at the first that fails or prints something else. */
export async function walkGuide(guide: Guide, options: WalkOptions): Promise<void> {
  const shell = new GuideShell(options);
  try {
    const steps = options.keep ? guide.steps.slice(0, -1) : guide.steps;
    for (const [index, step] of steps.entries()) {
      options.onStep?.(step.title, index + 1);
      for (const command of step.commands) {
        options.onCommand?.(command);
        const { status, output } = await shell.run(command.script);
        const where = `${guide.path}:${command.line}`;
        if (status !== 0)
          throw new Error(`${where}: this ended with status ${status}:\n${command.script}\n\n${output}`);
        const missing = missingLine(command.expected, output);
        if (missing !== undefined) throw new Error(`${where}: the output lacks '${missing}'; it was:\n${output}`);
      }
    }
  } finally {
    await shell.close(options.keep ?? false);
  }
}

/** One bash that keeps its folder, variables and background jobs from block to block. */
class GuideShell {
  readonly #bash: ChildProcessWithoutNullStreams;
  readonly #options: WalkOptions;
  readonly #exited: Promise<void>;

  constructor(options: WalkOptions) {
    this.#options = options;
    const shell = ["bash", "--norc", "--noprofile"];
    const [program = "", ...args] = (options.place ?? thisMachine).enter(options.directory, shell);
    this.#bash = spawn(program, args, { env: options.env });
    this.#bash.stdin.on("error", () => {});
    this.#exited = new Promise((resolve) => this.#bash.once("exit", () => resolve()));
    this.#bash.stdin.write("exec 2>&1\n");
  }

  async run(script: string): Promise<{ readonly status: number; readonly output: string }> {
    const mark = `:${randomUUID()}:`;
    let output = "";
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; output: string }>();
    const read = (chunk: Buffer) => {
      const text = chunk.toString("utf8");
      output += text;
      const end = output.indexOf(mark);
      if (end < 0) {
        this.#options.onOutput?.(text);
        return;
      }
      const rest = text.lastIndexOf(mark);
      if (rest > 0) this.#options.onOutput?.(text.slice(0, rest));
      const status = Number.parseInt(output.slice(end + mark.length), 10);
      resolve({ status, output: output.slice(0, end) });
    };
    const timer = setTimeout(
      () => reject(new Error(`no end after ${this.#options.timeout / 1000} s:\n${script}\n\n${output}`)),
      this.#options.timeout,
    );
    this.#bash.stdout.on("data", read);
    void this.#exited.then(() => reject(new Error(`the shell ended in:\n${script}\n\n${output}`)));
    // A failing line ends its block, as a reader who sees an error would stop; the shell itself goes on.
    const lines = `__status=0; eval ${quote(untilFailure(script))} </dev/null || __status=$?`;
    this.#bash.stdin.write(`${lines}\nprintf '%s%s\\n' ${quote(mark)} "$__status"\n`);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#bash.stdout.off("data", read);
    }
  }

  async close(keepJobs: boolean): Promise<void> {
    this.#bash.stdin.end(keepJobs ? "disown -a; exit 0\n" : "kill $(jobs -p) 2>/dev/null; wait; exit 0\n");
    await this.#exited;
  }
}

/** Joins the lines of a block with `&&`, keeping continuations, here-documents and background jobs as they are. */
function untilFailure(script: string): string {
  return script.includes("<<") || /&\s*$/m.test(script)
    ? script
    : script
        .split(/(?<!\\)\n/)
        .filter((line) => line.trim() !== "" && !line.trim().startsWith("#"))
        .join(" &&\n");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
