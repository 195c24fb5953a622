import { createInterface } from "node:readline";
import { functionsOf } from "../../check/standard-functions.ts";
import { Engine } from "../../engine/engine.ts";
import { FileModuleResolver } from "../../node/file-resolver.ts";
import { standardLibrary } from "../../std/standard.ts";
import { rawDebug } from "../../text/format.ts";
import { parseArguments } from "../arguments.ts";
import { historyFile, readHistory, writeHistory } from "../history.ts";
import { renderError, writeError } from "../output.ts";
import { ReplSession } from "../repl-session.ts";
import { UsageError } from "../usage-error.ts";
import type { Verb } from "../verb.ts";
import { version } from "../version.ts";

const HELP = `:help   this text
:vars   the variables
:reset  forget everything
:quit   leave (or Ctrl-D)
An input goes on over lines until it is complete; an empty line ends it as it is, Ctrl-C drops it.
`;

export const repl: Verb = {
  usage: "rhai repl",
  about: "type programs and see their values; several lines, history, completion with Tab",
  options: [["", "commands: :help :vars :reset :quit"]],
  run: async (args) => {
    const { positionals } = parseArguments(args, {});
    if (positionals.length > 0) throw new UsageError("repl takes no FILE; 'rhai run FILE' runs one");
    const isTerminal = process.stdin.isTTY === true;
    const names = new Set(functionsOf(standardLibrary()).map(([name]) => name));
    const file = historyFile(process.env);
    let session = newSession();
    let history: string[] = isTerminal ? readHistory(file) : [];
    let input = "";
    const lines = createInterface({
      input: process.stdin,
      output: isTerminal ? process.stdout : undefined,
      terminal: isTerminal,
      history: [...history],
      completer: (line: string) => session.complete(line, names),
      prompt: "rhai> ",
    });
    lines.on("history", (kept) => {
      history = kept;
    });
    lines.on("SIGINT", () => {
      input = "";
      // What stands on the line goes: to its end, then back from there.
      lines.write(null, { ctrl: true, name: "e" });
      lines.write(null, { ctrl: true, name: "u" });
      process.stdout.write("\n");
      ask();
    });
    const ask = (): void => {
      if (!isTerminal) return;
      lines.setPrompt(input === "" ? "rhai> " : "  ... ");
      lines.prompt();
    };
    if (isTerminal) process.stdout.write(`Rhai ${version}; :help says what else there is.\n`);
    ask();
    for await (const line of lines) {
      if (input === "" && line.trim().startsWith(":")) {
        if (!command(line.trim(), () => (session = newSession()), session)) break;
      } else {
        input += input === "" ? line : `\n${line}`;
        if (input.trim() === "") input = "";
        else input = show(session, input, line.trim() !== "");
      }
      ask();
    }
    lines.close();
    if (input !== "") show(session, input, false);
    if (isTerminal) writeHistory(file, history);
    return 0;
  },
};

function newSession(): ReplSession {
  return new ReplSession(
    new Engine({
      resolver: new FileModuleResolver({ base: process.cwd() }),
      onPrint: (text) => process.stdout.write(`${text}\n`),
    }),
  );
}

/** Evaluates and shows; what is left to be typed on is the result. */
function show(session: ReplSession, input: string, more: boolean): string {
  const outcome = session.enter(input, more);
  if (outcome.kind === "incomplete") return input;
  if (outcome.kind === "error") writeError(renderError(outcome.error));
  else if (outcome.value !== undefined) process.stdout.write(`${rawDebug(outcome.value)}\n`);
  return "";
}

/** False when the conversation is over. */
function command(word: string, reset: () => void, { scope }: ReplSession): boolean {
  if (word === ":quit" || word === ":q") return false;
  if (word === ":reset") reset();
  else if (word === ":vars") {
    for (const [name, value, isConstant] of scope)
      process.stdout.write(`${isConstant ? "const" : "let"} ${name} = ${rawDebug(value)}\n`);
  } else process.stdout.write(word === ":help" ? HELP : `there is no ${word}; :help lists what there is\n`);
  return true;
}
