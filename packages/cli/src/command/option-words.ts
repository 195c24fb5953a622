import type { Verb, VerbOption } from "./verb.ts";

/** What every verb takes. */
const globalOptions: readonly VerbOption[] = [
  { flags: "--format <format>", summary: "how results are printed", choices: ["text", "json"] },
  { flags: "-v, --verbose", summary: "say more on stderr" },
  { flags: "-h, --help", summary: "show help" },
];

export function optionsOf(verb: Verb): readonly VerbOption[] {
  return [...(verb.options ?? []), ...globalOptions];
}

/** `-l`, `--lines`. */
export function optionNames({ flags }: VerbOption): readonly string[] {
  return flags.split(/[ ,]+/).filter((part) => part.startsWith("-"));
}

/** The option whose value the word behind this one is. */
export function awaitsValue(verb: Verb, word: string): VerbOption | undefined {
  return optionsOf(verb).find((option) => option.flags.includes("<") && optionNames(option).includes(word));
}

/** Where the words stand that are neither options of the verb nor values of those, as far as a `--`. */
export function operandsOf(words: readonly string[], verb: Verb): readonly number[] {
  const end = words.indexOf("--");
  const places: number[] = [];
  for (let place = 0; place < (end < 0 ? words.length : end); place += 1) {
    const word = words[place] ?? "";
    if (!word.startsWith("-")) places.push(place);
    else if (awaitsValue(verb, word)) place += 1;
  }
  return places;
}
