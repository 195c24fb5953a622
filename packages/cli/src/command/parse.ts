import { Argument, Command, CommanderError, Option } from "commander";
import { Failure } from "../failure/failure.ts";
import type { Paint } from "../output/paint.ts";
import { operandsOf } from "./option-words.ts";
import { namesOf, type Verb } from "./verb.ts";

/** What the words of a command line mean. */
export interface Parsed {
  readonly verb: Verb;
  /** The names on the way to the verb, aliases resolved: `["image", "push"]`. */
  readonly path: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly args: readonly unknown[];
  readonly format: "text" | "json";
  readonly verbosity: number;
}

/** Parses a command line; undefined when it asked for help, which is printed then. Throws a usage Failure. */
export function parse(root: Verb, words: readonly string[], paint: Paint): Parsed | undefined {
  let parsed: Parsed | undefined;
  const program = commandFor(root, [], paint, (verb, path, command, args) => {
    const { format, verbose, ...options } = command.optsWithGlobals<Record<string, unknown>>();
    parsed = {
      verb,
      path,
      options,
      args,
      format: format === "json" ? "json" : "text",
      verbosity: Number(verbose ?? 0),
    };
  });
  program
    .addOption(new Option("--format <format>", "how results are printed").choices(["text", "json"]).default("text"))
    .option("-v, --verbose", "say more on stderr; -vv and -vvv even more", (_: string, n: number) => n + 1, 0);
  try {
    program.parse([...rewritten(root, words)], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined;
    throw usageFailure(root, words, error);
  }
  return parsed;
}

type Chosen = (verb: Verb, path: readonly string[], command: Command, args: readonly unknown[]) => void;

function commandFor(verb: Verb, path: readonly string[], paint: Paint, chosen: Chosen): Command {
  const command = new Command(verb.name).summary(verb.summary).description(describe(verb));
  command.exitOverride().configureOutput({ writeErr: () => {}, writeOut: (text) => void process.stdout.write(text) });
  command.configureHelp({
    styleTitle: (text) => paint("bold", text),
    styleCommandText: (text) => paint("cyan", text),
    styleSubcommandText: (text) => paint("cyan", text),
    styleOptionText: (text) => paint("cyan", text),
    styleArgumentText: (text) => paint("cyan", text),
    subcommandTerm: (sub) => [sub.name(), ...sub.aliases()].join(", "),
  });
  command.aliases(verb.aliases ?? []).helpOption("-h, --help", "show this help");
  for (const argument of verb.arguments ?? []) {
    const made = new Argument(argument.usage, argument.summary);
    command.addArgument(argument.choices ? made.choices(argument.choices) : made);
  }
  for (const option of verb.options ?? []) command.addOption(optionFor(option));
  if (verb.examples) command.addHelpText("after", `\n${paint("bold", "Examples:")}\n${examples(verb.examples, paint)}`);
  for (const sub of verb.verbs ?? []) {
    command.addCommand(commandFor(sub, [...path, sub.name], paint, chosen), { hidden: sub.hidden ?? false });
  }
  if (verb.verbs) command.helpCommand("help [command]", "show help for a command");
  if (verb.run) {
    command.action(() => chosen(verb, path, command, command.processedArgs));
  }
  return command;
}

function optionFor(option: NonNullable<Verb["options"]>[number]): Option {
  const made = new Option(option.flags, option.summary);
  if (option.initial !== undefined) made.default(option.initial);
  if (option.choices) made.choices(option.choices);
  if (option.hidden) made.hideHelp();
  const value = option.parse ?? ((text: string): unknown => text);
  if (option.repeats) made.argParser((text: string, before: readonly unknown[] = []) => [...before, value(text)]);
  else if (option.parse) made.argParser((text: string) => value(text));
  return made;
}

function describe(verb: Verb): string {
  const sentence = `${verb.summary.charAt(0).toUpperCase()}${verb.summary.slice(1)}.`;
  return verb.details ? `${sentence}\n\n${verb.details}` : sentence;
}

function examples(list: NonNullable<Verb["examples"]>, paint: Paint): string {
  const width = Math.max(...list.map(([command]) => command.length));
  return list.map(([command, effect]) => `  ${command.padEnd(width)}  ${paint("dim", effect)}`).join("\n");
}

/** Finds the verbs that the words name and lets each rewrite what stands behind it. */
function rewritten(verb: Verb, words: readonly string[]): readonly string[] {
  const own = verb.rewrite?.(words, verb) ?? words;
  const [index = -1] = operandsOf(own, verb);
  const sub = verb.verbs?.find((candidate) => namesOf(candidate).includes(own[index] ?? ""));
  return sub ? [...own.slice(0, index + 1), ...rewritten(sub, own.slice(index + 1))] : own;
}

function usageFailure(root: Verb, words: readonly string[], error: CommanderError): Failure {
  const path = [root.name];
  let verb: Verb = root;
  for (const word of operandsOf(words, root).map((place) => words[place] ?? "")) {
    const next = verb.verbs?.find((candidate) => namesOf(candidate).includes(word));
    if (!next) break;
    path.push(next.name);
    verb = next;
  }
  const asked = error.code === "commander.help" ? "error: a command is missing" : error.message;
  const [message = "", suggestion] = asked.replace(/^error: /, "").split("\n");
  const help = `${path.join(" ")} --help`;
  return new Failure("usage", message, {
    hint: suggestion
      ? `${suggestion.replace(/^\((.*)\)$/, "$1")} \`${help}\` shows more`
      : `\`${help}\` shows how it is used`,
  });
}
