import { createInterface } from "node:readline/promises";
import { Failure } from "../failure/failure.ts";

/** Asks a yes-or-no question; everything but `y` is no. */
export async function confirm(question: string): Promise<boolean> {
  return /^y(es)?$/i.test((await ask(`${question} [y/N]: `)).trim());
}

/** Lines that were typed, or sent by a script, before their question was asked. */
const typedAhead: string[] = [];

/** Reads one line. On a terminal readline edits it; from a pipe it is the next line of stdin, or nothing at its end. */
export async function ask(question: string): Promise<string> {
  const ahead = typedAhead.shift();
  if (ahead !== undefined) {
    process.stderr.write(`${question}\n`);
    return ahead;
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: process.stdin.isTTY });
  lines.on("line", (line) => typedAhead.push(line));
  try {
    const closed = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
    return await Promise.race([lines.question(question), closed]);
  } finally {
    lines.close();
  }
}

/** Reads a secret without showing it; needs a terminal. */
export async function askSecret(question: string, insteadOf: string): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) {
    throw new Failure("not-a-terminal", "a password cannot be asked for: stdin is not a terminal", { hint: insteadOf });
  }
  stdin.setRawMode(true);
  stderr.write(question);
  try {
    return typedAhead.shift() ?? (await hiddenLine(stdin, insteadOf));
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write("\n");
  }
}

/** What is typed up to Enter, with the few keys that a terminal without echo leaves to us. */
function hiddenLine(stdin: NodeJS.ReadStream, insteadOf: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let line: string[] = [];
  const key = (character: string): boolean => {
    if (character === "\r" || character === "\n") resolve(line.join(""));
    else if (character === "\u0003") reject(new Failure("interrupted", "interrupted"));
    else if (character === "\u0004") ended();
    else if (character === "\u007f" || character === "\b") line.pop();
    else if (character === "\u0015") line = [];
    else if (character >= " ") line.push(character);
    return character === "\r" || character === "\n";
  };
  // A sequence of an arrow key or the like is no part of a password.
  const typed = (text: Buffer | string): void => void (/^\u001b./.test(`${text}`) || [...`${text}`].some(key));
  const ended = (): void => reject(new Failure("not-a-terminal", "no password was given", { hint: insteadOf }));
  stdin.setEncoding("utf8").on("data", typed).once("end", ended).resume();
  return promise.finally(() => stdin.off("data", typed).off("end", ended));
}
