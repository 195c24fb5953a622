import { awaitsValue, optionNames, optionsOf } from "../command/option-words.ts";
import { type Completion, namesOf, type Verb, type VerbOption } from "../command/verb.ts";

/** What could stand at the end of a command line. */
export type Expected =
  | { readonly kind: "words"; readonly words: readonly Suggestion[] }
  | { readonly kind: "values"; readonly completes: Completion; readonly before: readonly string[] };

export interface Suggestion {
  readonly word: string;
  readonly summary: string;
}

/** What can come after `words`, of which the last is being typed. */
export function expectedAfter(root: Verb, words: readonly string[]): Expected {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? "";
  let verb = root;
  const positionals: string[] = [];
  let awaited: VerbOption | undefined;
  for (const word of before) {
    if (awaited) awaited = undefined;
    else if (word.startsWith("-")) awaited = awaitsValue(verb, word);
    else {
      const next = positionals.length === 0 ? subVerb(verb, word) : undefined;
      if (next) verb = next;
      else positionals.push(word);
    }
  }
  if (awaited) return valuesOf(awaited.choices, awaited.completes ?? "none", positionals);
  if (current.startsWith("-")) return { kind: "words", words: optionWords(verb) };
  if (verb.verbs) return { kind: "words", words: verbWords(verb) };
  const list = verb.arguments ?? [];
  const argument = list[positionals.length] ?? list.findLast(({ usage }) => usage.includes("..."));
  return valuesOf(argument?.choices, argument?.completes ?? "none", positionals);
}

function valuesOf(choices: readonly string[] | undefined, completes: Completion, before: readonly string[]): Expected {
  if (choices) return { kind: "words", words: choices.map((word) => ({ word, summary: "" })) };
  return { kind: "values", completes, before };
}

function subVerb(verb: Verb, word: string): Verb | undefined {
  return verb.verbs?.find((sub) => namesOf(sub).includes(word));
}

function optionWords(verb: Verb): readonly Suggestion[] {
  return optionsOf(verb)
    .filter(({ hidden }) => !hidden)
    .map((option) => ({ word: optionNames(option).at(-1) ?? "", summary: option.summary }));
}

function verbWords(verb: Verb): readonly Suggestion[] {
  return (verb.verbs ?? []).filter(({ hidden }) => !hidden).map(({ name, summary }) => ({ word: name, summary }));
}
