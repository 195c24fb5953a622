import { type Verb, verb } from "../command/verb.ts";
import { type Shell, shells } from "./scripts.ts";

/** `completions SHELL`, and the hidden verb that the scripts ask. `root` is looked up late: it contains these verbs. */
export function completionVerbs(root: () => Verb): readonly Verb[] {
  return [
    verb<object, [shell: Shell]>({
      name: "completions",
      summary: "print a completion script for your shell",
      anywhere: true,
      arguments: [{ usage: "<shell>", summary: "which shell", choices: shells }],
      run: async (call) => (await import("./print.ts")).printScript(call, root()),
    }),
    verb<object, [words: readonly string[]]>({
      name: "__complete",
      summary: "what could come next",
      hidden: true,
      anywhere: true,
      arguments: [{ usage: "[words...]", summary: "the words so far", completes: "none" }],
      run: async (call) => (await import("./print.ts")).printSuggestions(call, root()),
    }),
  ];
}
