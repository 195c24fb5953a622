import { createInterface } from "node:readline/promises";
import { Failure } from "../failure/failure.ts";

/** Asks a yes-or-no question; everything but `y` is no. */
export async function confirm(question: string): Promise<boolean> {
  return /^y(es)?$/i.test((await ask(`${question} [y/N]: `)).trim());
}

/** Reads one line. On a terminal readline edits it; from a pipe it is the next line of stdin, or nothing at its end. */
export async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: process.stdin.isTTY });
  try {
    const closed = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
    return await Promise.race([lines.question(question), closed]);
  } finally {
    lines.close();
  }
}

/** Reads a secret without showing it; needs a terminal. */
export async function askSecret(question: string, insteadOf: string): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new Failure("not-a-terminal", "a password cannot be asked for: stdin is not a terminal", { hint: insteadOf });
  }
  const { password, isCancel } = await import("@clack/prompts");
  const answer = await password({ message: question, mask: "*" });
  if (isCancel(answer)) throw new Failure("interrupted", "interrupted");
  return answer;
}
