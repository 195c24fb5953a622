import { unparen } from "../../ast/positions.ts";
import { keywords, reservedWords } from "../../lex/token.ts";
import type { Rule } from "../rule.ts";

export const reservedWord: Rule = {
  severity: "error",
  about: 'a reserved word as the name in `Fn("…")`; reserved words in the program itself are syntax errors',
  check: ({ calls }, report) => {
    for (const { node } of calls) {
      const argument = node.args[0] === undefined ? null : unparen(node.args[0]);
      if (node.name !== "Fn" || argument?.kind !== "Literal" || typeof argument.value !== "string") continue;
      if (keywords.has(argument.value) || reservedWords.has(argument.value))
        report(argument, `'${argument.value}' is a reserved word: no function has that name`);
    }
  },
};
