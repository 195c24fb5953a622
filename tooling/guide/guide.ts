import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../command.ts";

/**
 * A page of docs/ as data. The guides are executable: the `sh` blocks are what `./dev demo` and the end-to-end tests run, and an
 * `output` block right after one says what has to come out.
 *
 *     ## Build the image            a step
 *     ```sh                         typed by the engineer, run for real
 *     docker build -t my-image .
 *     ```
 *     ```output                     every line has to appear, in this order; `…` stands for anything
 *     Successfully tagged my-image:latest
 *     ```
 *
 * Blocks of other languages (`console`, `yaml`, …) are only read.
 */
export interface Guide {
  /** Of the page, from the root of the repository. */
  readonly path: string;
  readonly title: string;
  readonly steps: readonly Step[];
}

interface Step {
  readonly title: string;
  readonly commands: readonly Command[];
}

export interface Command {
  /** Line of the block in the file, from 1. */
  readonly line: number;
  readonly script: string;
  readonly expected: readonly string[];
}

export function readGuide(path: string): Guide {
  return parseGuide(readFileSync(join(repository, path), "utf8"), path);
}

export function parseGuide(text: string, path: string): Guide {
  const steps: { title: string; commands: { line: number; script: string; expected: readonly string[] }[] }[] = [];
  let title = "";
  const lines = text.split("\n");
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? "";
    const heading = /^(#{1,2}) (.+)$/.exec(line);
    if (heading?.[1] === "#") title = heading[2] ?? "";
    if (heading?.[1] === "##") steps.push({ title: heading[2] ?? "", commands: [] });
    const fence = /^```(\w*)/.exec(line);
    if (!fence) continue;
    const end = lines.indexOf("```", index + 1);
    if (end < 0) throw new Error(`line ${index + 1}: this block is never closed`);
    const body = lines.slice(index + 1, end);
    const commands = steps.at(-1)?.commands;
    if (fence[1] === "sh") {
      if (!commands) throw new Error(`line ${index + 1}: a command before the first step`);
      commands.push({ line: index + 1, script: body.join("\n"), expected: [] });
    }
    if (fence[1] === "output") {
      const last = commands?.at(-1);
      if (!last) throw new Error(`line ${index + 1}: an output block without a command before it`);
      last.expected = body.filter((expected) => expected.trim() !== "");
    }
    index = end;
  }
  return { path, title, steps };
}

/** The first expected line that `output` lacks, or undefined when all are there in order. */
export function missingLine(expected: readonly string[], output: string): string | undefined {
  const lines = output.split("\n");
  let from = 0;
  for (const wanted of expected) {
    const pattern = new RegExp(wanted.trim().split("…").map(escapePattern).join(".*"));
    const found = lines.findIndex((line, index) => index >= from && pattern.test(line));
    if (found < 0) return wanted;
    from = found + 1;
  }
  return undefined;
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
